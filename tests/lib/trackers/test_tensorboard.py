"""What TensorBoard's own reader finds in the event file is what metrics.jsonl says."""

import resource

import numpy
import pytest

from lib.trackers.names import values_of


def curves(rows):
    """name -> [(step, wall time, float32 value)], each axis once a step."""
    found, newest = {}, -1
    for row in rows:
        values = values_of(row)
        time_s = 1_700_000_000.0 + row["time_s"]
        axes = values.axes if row["step"] > newest else {}
        newest = max(newest, row["step"])
        for name, number in (values.scalars | axes).items():
            points = found.setdefault(name, [])
            points.append([row["step"], time_s, float(numpy.float32(number))])
    return found


def texts(rows):
    found = {}
    for row in rows:
        for name, text in values_of(row).texts.items():
            found.setdefault(name, []).append(text)
    return found


def test_it_reads_back_what_was_measured(track, read, job, rows, write, said):
    write(rows)
    track("tensorboard")
    kept = read("tensorboard", job.folder)
    assert said == []
    assert kept["scalars"] == curves(rows)
    assert kept["texts"] == texts(rows) != {}
    assert kept["options"] == job.settings


@pytest.mark.parametrize("kind", ["gradients", "parameters"])
def test_the_histograms_of_a_run_are_those_of_its_rows(track, read, job, rows, write, kind):
    """By TensorBoard's own reader, beside what else the row says of the same numbers."""
    write(rows)
    track("tensorboard")
    found = read("tensorboard", job.folder)["histograms"][f"{kind}/histogram"]
    measured = [row for row in rows if row["kind"] == kind]
    assert [step for step, *_ in found] == [row["step"] for row in measured] == [10, 20]
    for (_, low, high, number, total, squares, limits, counts), row in zip(
        found, measured, strict=True
    ):
        histogram = row["histogram"]
        assert histogram["not_finite"] == 0
        apart = histogram["zero"] + histogram["below"] + histogram["above"]
        assert number == sum(counts) == sum(histogram["counts"]) + apart
        assert histogram["zero"] == row["zero_share"] * number
        # Zeros reach from 0 to the smallest size that occurs; every other limit is twice the last.
        assert (low, high) == (limits[0], limits[-1]) == (0.0, 2 * limits[-2])
        assert {b / a for a, b in zip(limits[1:], limits[2:], strict=False)} == {2.0}
        assert (counts[0], counts[1]) == (0, histogram["zero"] + histogram["below"])
        assert high / 2 <= row["largest"] < high
        # Of values in the middle of bins that double: within 3/4 and 3/2, and their squares.
        assert 0.75 * abs(row["mean"]) * number < total
        assert 0.56 < squares / row["norm"] ** 2 < 2.25


def test_a_resumed_run_has_every_step_once(track, read, job, rows, write, until):
    """Killed at step 20, resumed from step 5 with other times: the first 5 steps and the new."""
    write(rows)
    track("tensorboard")
    again = [row | {"loss": 9.0} if row["kind"] == "train" else row for row in rows]
    write(until(again, 11), resume_step=5)
    track("tensorboard")
    assert len(list(job.folder.glob("events.out.tfevents.*"))) == 1
    losses = read("tensorboard", job.folder)["scalars"]["train/loss"]
    assert [step for step, *_ in losses] == list(range(1, 12))
    assert [value for _, _, value in losses[5:]] == [9.0] * 6
    (fifth,) = (row["loss"] for row in rows if row["kind"] == "train" and row["step"] == 5)
    assert losses[4][2] == float(numpy.float32(fifth))


def test_a_page_that_is_open_forgets_what_the_former_start_wrote(
    track, read, job, rows, write, until
):
    """It has read the former file already when the new one appears beside it."""
    write(rows)
    track("tensorboard")
    (former,) = job.folder.glob("events.out.tfevents.*")
    kept = former.read_bytes()
    write(until(rows, 6), resume_step=0)
    track("tensorboard")
    former.with_name("events.out.tfevents.0").write_bytes(kept)
    losses = read("tensorboard", job.folder)["scalars"]["train/loss"]
    assert [step for step, *_ in losses] == [1, 2, 3, 4, 5, 6]


def test_tensorflow_is_not_asked_for(track, job, rows, write, said, monkeypatch, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write(rows)
    track("tensorboard")
    assert said == []


def test_a_disk_that_is_full_is_one_sentence(track, job, rows, write, said):
    write(rows * 50)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Of files that are written from now on, in this process and its children.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, limits[1]))
    try:
        track("tensorboard")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    sentence = said.only()
    assert sentence.startswith("tracker tensorboard is off: OSError: [Errno 27] File too large")
