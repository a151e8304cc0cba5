"""What TensorBoard's own reader finds in the event file is what metrics.jsonl says."""

import resource

import numpy

from lib.trackers.names import values_of


def curves(rows):
    """name -> [(step, wall time, float32 value)], each axis once a step."""
    found = {}
    for row in rows:
        values = values_of(row)
        time_s = 1_700_000_000.0 + row["time_s"]
        for name, number in (values.scalars | values.axes).items():
            points = found.setdefault(name, [])
            if name not in values.axes or [row["step"]] != [p[0] for p in points[-1:]]:
                points.append([row["step"], time_s, float(numpy.float32(number))])
    return found


def test_it_reads_back_what_was_measured(track, read, job, rows, write, said):
    write(rows)
    track("tensorboard")
    kept = read("tensorboard", job.folder)
    assert said == []
    assert kept["scalars"] == curves(rows)
    assert kept["texts"] == {"sample/prompt": ["To"], "sample/text": ["To be <or> not\nto be"]}
    assert kept["options"] == job.settings


def test_a_histogram_keeps_its_counts_and_edges(track, read, job, rows, write):
    write(rows)
    track("tensorboard")
    ((step, low, high, number, total, squares, limits, counts),) = read("tensorboard", job.folder)[
        "histograms"
    ]["gradients/histogram"]
    assert (step, low, high, number) == (20, -1.0, 2.0, 8)
    assert (limits, counts) == ([-1.0, 0.0, 0.5, 2.0], [0, 1, 5, 2])
    # Of values in the middle of their buckets: -0.5, five of 0.25, two of 1.25.
    assert (total, squares) == (3.25, 3.6875)


def test_a_resumed_run_has_every_step_once(track, read, job, rows, write):
    """Killed at step 20, resumed from step 5 with other times: the first 5 steps and the new."""
    write(rows)
    track("tensorboard")
    again = [row | {"loss": 9.0} if row["kind"] == "train" else row for row in rows]
    write(again[:12], resume_step=5)
    track("tensorboard")
    assert len(list(job.folder.glob("events.out.tfevents.*"))) == 1
    losses = read("tensorboard", job.folder)["scalars"]["train/loss"]
    assert [step for step, *_ in losses] == list(range(1, 12))
    assert [value for _, _, value in losses[5:]] == [9.0] * 6
    assert losses[4][2] == float(numpy.float32(3.0 / 5))


def test_a_page_that_is_open_forgets_what_the_former_start_wrote(track, read, job, rows, write):
    """It has read the former file already when the new one appears beside it."""
    write(rows)
    track("tensorboard")
    (former,) = job.folder.glob("events.out.tfevents.*")
    kept = former.read_bytes()
    write(rows[:6], resume_step=0)
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
