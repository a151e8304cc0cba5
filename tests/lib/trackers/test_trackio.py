"""trackio: one local file for all runs of a project, every row in it once."""

import dataclasses
import json
import sqlite3

from lib.trackers.names import values_of


def kept_of(read, job):
    return read("trackio", job.results / "trackio", job.project, job.run)


def plain(rows):
    found = []
    for row in rows:
        values = values_of(row)
        found.append({"step": row["step"]} | values.scalars | values.axes)
    return found


def parted(logs, rows):
    """The logs without histograms and texts, which are checked beside their rows."""
    seen = set()
    for log, row in zip(logs, rows, strict=True):
        values = values_of(row)
        for name, histogram in values.histograms.items():
            kept = log.pop(name)
            assert (kept["values"], kept["bins"]) == (histogram.counts, histogram.edges)
            seen.add(name)
        for name, text in values.texts.items():
            assert text in log.pop(name)["_value"]
            seen.add(name)
    return logs, seen


def test_it_reads_back_what_was_measured(
    track, read, job, rows, write, said, monkeypatch, tmp_path
):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    write(rows)
    track("trackio")
    kept = kept_of(read, job)
    assert said == []
    logs, rich = parted(kept["logs"], rows)
    assert rich >= {"gradients/histogram", "parameters/histogram", "sample/text"}
    assert logs == plain(rows)
    assert job.settings.items() <= kept["options"].items()
    assert kept["options"]["_Group"] == "adamw"
    assert list(home.rglob("*")) == []
    assert {p.name for p in job.results.iterdir()} == {"runs", "trackio"}


def test_a_resumed_run_has_every_step_once(track, read, job, rows, write, until):
    write(rows)
    track("trackio")
    write(until(rows, 11), resume_step=5)
    track("trackio")
    kept = kept_of(read, job)
    assert len(kept["runs"]) == 1
    steps = [row["step"] for row in map(json.loads, job.metrics.read_text().splitlines())]
    assert [log["step"] for log in kept["logs"]] == steps
    assert set(steps) == set(range(1, 12))


def test_runs_of_a_project_share_a_file_and_leave_each_other_alone(
    track, read, job, rows, write, said
):
    write(rows)
    track("trackio")
    other = dataclasses.replace(job, run="another-run", settings={"OPTIMIZER": "sgd"})
    track("trackio", job=other)
    track("trackio", job=other)
    assert said == []
    assert len(kept_of(read, job)["logs"]) == len(kept_of(read, other)["logs"]) == len(rows)
    assert [path.name for path in (job.results / "trackio").glob("*.db")] == [
        "bitterbench-tests.db"
    ]


def test_the_variables_that_upload_are_without_effect(
    track, read, job, rows, write, said, monkeypatch
):
    for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_WEBHOOK_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/x")
    write(rows)
    track("trackio")
    assert said == []
    assert len(kept_of(read, job)["logs"]) == len(rows)


def test_rows_that_it_could_not_keep_are_no_secret(track, job, rows, write, said):
    """trackio itself warns of a file that it cannot write, and goes on."""
    write(rows)
    track("trackio")
    (database,) = (job.results / "trackio").glob("*.db")
    connection = sqlite3.connect(database)
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON metrics WHEN NEW.step > 10 "
        "BEGIN SELECT RAISE(IGNORE); END"
    )
    connection.commit()
    connection.close()
    track("trackio")
    sentence = said.only()
    few = sum(row["step"] <= 10 for row in rows)
    assert f"tracker trackio is off: OSError: {few} of {len(rows)} rows are in" in sentence
