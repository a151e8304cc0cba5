"""Whatever a tracker does, the run goes on, the others have their rows, and nothing is left."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from lib.claims import claim
from lib.cli import ROOT
from lib.metrics import MetricsWriter
from lib.trackers import feed as feed_module
from lib.trackers import lane

TROUBLE = [f"{what} at {where}" for what in ("raise", "exit", "die") for where in ("start", "row")]
TROUBLE += ["raise at close", "die at close", "garble at row"]
# By where: whether it has taken the rows then.
HANGS = {"hang at start": False, "hang at row": False, "hang at close": True}
LONGEST_S = 60
# As it is without the fixture that the other tests have.
NICENESS = lane.NICENESS


@pytest.fixture
def wait_until():
    """wait_until(feed, condition): listen to the trackers until it holds."""

    def go(feed, condition):
        deadline = time.monotonic() + LONGEST_S
        while not condition():
            assert time.monotonic() < deadline
            feed.check()
            time.sleep(0.02)

    return go


@pytest.fixture
def has(job, got):
    """has("a", 25): whether a fake has written so many rows."""
    return lambda name, number: (
        (job.folder / f"{name}.jsonl").is_file() and len(got(name)[0]) == number
    )


def test_every_tracker_gets_every_row(fakes, got, rows, write, said, processes):
    write(rows)
    feed = fakes("good", "good")
    feed.close(succeeded=True)
    for name in "ab":
        assert got(name) == (rows, "closed")
    assert said == []
    assert processes() == []


def test_rows_are_sent_while_the_run_writes_them(fakes, got, job, rows, said, has, wait_until):
    with MetricsWriter(job.metrics, resume_step=0) as metrics, fakes("good") as feed:
        for number, row in enumerate(rows[:3], start=1):
            metrics.row(**row)
            wait_until(feed, lambda number=number: has("a", number))
        for row in rows[3:]:
            metrics.row(**row)
    assert got("a") == (rows, "closed")
    assert said == []


def test_a_row_that_is_half_written_waits_for_its_other_half(
    fakes, got, job, rows, has, wait_until
):
    first, second = (json.dumps(row) for row in rows[:2])
    job.metrics.write_text(first + "\n" + second[:20])
    feed = fakes("good")
    wait_until(feed, lambda: has("a", 1))
    with open(job.metrics, "a") as file:
        file.write(second[20:] + "\n")
    feed.close(succeeded=True)
    assert got("a") == (rows[:2], "closed")


@pytest.mark.parametrize("behaviour", TROUBLE)
def test_a_tracker_that_breaks_is_one_sentence_and_the_others_go_on(
    fakes, got, rows, write, said, behaviour, processes
):
    write(rows)
    feed = fakes(behaviour, "good")
    feed.close(succeeded=True)
    assert got("b") == (rows, "closed")
    sentence = said.only()
    assert sentence.startswith("tracker a is off: ")
    assert "second line" not in sentence
    why = {"raise": "RuntimeError: broken at", "exit": "SystemExit: gone", "die": "status 3"}
    why |= {"garble": "b'not a message', which is no message"}
    assert why[behaviour.split()[0]] in sentence
    assert processes() == []


@pytest.mark.parametrize(("behaviour", "has_all"), HANGS.items())
def test_a_tracker_that_hangs_holds_the_end_up_for_a_bounded_time(
    fakes, got, rows, write, said, behaviour, has_all, processes, has, wait_until
):
    write(rows)
    feed = fakes(behaviour, "good")
    wait_until(feed, lambda: has("b", len(rows)) and (not has_all or has("a", len(rows))))
    start = time.monotonic()
    feed.close(succeeded=True, patience_s=2.0)
    assert time.monotonic() - start < 20
    assert got("b") == (rows, "closed")
    sentence = said.only()
    there = f"{len(rows) if has_all else 0} of {len(rows)} rows"
    assert f"tracker a is off: not done 2 s after the run: {there}" in sentence
    assert processes() == []


def test_a_tracker_that_hangs_is_noticed_while_the_run_goes_on(
    fakes, rows, write, said, monkeypatch, processes, wait_until
):
    monkeypatch.setattr(lane, "SILENCE_S", 0.5)
    write(rows)
    feed = fakes("hang at row")
    wait_until(feed, lambda: said)
    assert "tracker a is off: no sign of life for 0.5 s" in said[0]
    assert processes() == []
    feed.check()
    feed.close(succeeded=True)
    assert len(said) == 1


def test_a_slow_tracker_holds_nobody_up_and_what_is_missing_is_counted(
    fakes, got, rows, write, said, processes, has, wait_until
):
    write(rows * 20)
    feed = fakes("dawdle at row", "good")
    wait_until(feed, lambda: has("b", 20 * len(rows)))
    feed.close(succeeded=True, patience_s=1.5)
    assert len(got("b")[0]) == 20 * len(rows)
    sentence = said.only()
    assert f" of {20 * len(rows)} rows are there" in sentence
    assert processes() == []


def test_how_the_run_ended_is_known_to_its_trackers(fakes, got, rows, write):
    write(rows)
    fakes("good").close(succeeded=False)
    assert got("a")[1] == "stopped"
    with pytest.raises(ZeroDivisionError), fakes("good"):
        raise ZeroDivisionError
    assert got("a")[1] == "stopped"
    with fakes("good"):
        pass
    assert got("a")[1] == "closed"


def test_after_ctrl_c_nobody_waits_long(fakes, rows, write, said, monkeypatch, processes):
    monkeypatch.setattr(feed_module, "HURRY_S", 0.5)
    write(rows)
    with pytest.raises(KeyboardInterrupt), fakes("hang at close"):
        raise KeyboardInterrupt
    assert "not done 0.5 s after the run" in said[0]
    assert processes() == []


def test_ctrl_c_while_the_end_is_waited_for_leaves_no_process(fakes, rows, write, processes):
    write(rows)
    feed = fakes("hang at close")
    main = threading.main_thread().ident
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        feed.close(succeeded=True, patience_s=60)
    timer.join()
    assert processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_signals_that_the_whole_job_gets_are_the_trainers(
    fakes, got, job, rows, write, number, wait_until
):
    write(rows[:2])
    feed = fakes("good")
    wait_until(feed, (job.folder / "a.jsonl").exists)
    os.kill(feed._lanes[0]._process.pid, number)
    write(rows, resume_step=2)
    feed.close(succeeded=True)
    assert got("a") == (rows, "closed")


def test_ctrl_c_in_the_terminal_is_for_the_trainer_alone(fakes, rows, write):
    write(rows)
    feed = fakes("good")
    pid = feed._lanes[0]._process.pid
    group, session = os.getpgid(pid), os.getsid(pid)
    # Before anything can fail: who shares our group would be ended together with us.
    feed.close(succeeded=True)
    assert group == pid
    assert session == os.getsid(0)


def test_its_process_has_the_lowest_priority(fakes, rows, write, monkeypatch, wait_until):
    monkeypatch.setattr(lane, "NICENESS", NICENESS)
    write(rows)
    feed = fakes("hang at row")
    pid = feed._lanes[0]._process.pid
    wait_until(feed, lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19)
    feed.close(succeeded=True, patience_s=0)


def test_a_note_reaches_the_log(fakes, rows, write, said):
    write(rows)
    fakes("talk").close(succeeded=True)
    assert said == ["tracker a: hello"]


def test_what_it_prints_goes_to_its_own_file(fakes, job, rows, write, said, capfd):
    write(rows)
    fakes("disturb").close(succeeded=True)
    assert capfd.readouterr() == ("", "")
    assert said == []
    printed = (job.scratch / "a" / "output.log").read_text()
    assert "a banner on standard output" in printed
    assert "and on the other" in printed


def test_a_system_without_processes_left_is_one_sentence(job, rows, write, said, monkeypatch):
    def refuse(*arguments, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    write(rows)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    lanes = feed_module._lanes({"a": "tests.lib.trackers.fakes"}, job, said.append)
    feed_module.Feed(lanes, said.append).close(succeeded=True)
    sentence = said.only()
    assert sentence.startswith("tracker a is off: [Errno 11] Resource temporarily unavailable")


def test_a_package_that_is_not_there_is_one_sentence_with_the_remedy(job, rows, write, said):
    write(rows)
    missing = lane.Lane("a", "no_such_package.tracker", job)
    feed_module.Feed([missing], said.append).close(succeeded=True)
    sentence = said.only()
    assert "the Python package no_such_package is missing" in sentence
    assert '`make setup EXTRAS="trackers"` installs it' in sentence


# A trainer that kills itself once its tracker has done what is named, and an interpreter for that
# tracker whose patience is a second.
TRAINER = """
    import json, os, signal, sys, time
    from lib.trackers import lane
    from lib.trackers.protocol import Job

    job = Job.from_json(json.loads(sys.argv[1]))
    lane.sys.executable = sys.argv[2]
    tracker = lane.Lane("a", "tests.lib.trackers.fakes", job)
    while not (job.folder / sys.argv[3]).exists():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
"""
IMPATIENT = """#!/bin/sh
exec {} -c 'import sys, lib.trackers.sender as sender
sender.AFTERLIFE_S = sender.LONGEST_CALL_S = 1
sys.exit(sender.main(sys.argv[3:]))' "$@"
"""


@pytest.mark.parametrize(
    ("behaviour", "sign"),
    [("good", "a.jsonl"), ("hang at row", "hangs"), ("hang at row", "."), ("hang at close", ".")],
)
def test_a_trainer_that_is_killed_leaves_no_process_behind(
    job, got, rows, write, behaviour, sign, processes
):
    write(rows)
    described = dataclasses.replace(job, settings={"BEHAVIOUR": behaviour, "NAME": "a"})
    interpreter = job.results / "python"
    interpreter.write_text(IMPATIENT.format(sys.executable))
    interpreter.chmod(0o755)
    arguments = [json.dumps(described.as_json()), str(interpreter), sign]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TRAINER), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    try:
        while processes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        for process in processes():
            os.kill(process, signal.SIGKILL)
    if behaviour == "good":
        assert got("a") == (rows, "stopped")


def test_a_new_start_waits_for_a_process_that_outlived_a_killed_trainer(
    fakes, got, job, rows, write, said
):
    write(rows)
    with claim(job.scratch / "a"):
        feed = fakes("good")
        time.sleep(0.5)
        feed.check()
        assert not (job.folder / "a.jsonl").exists()
    feed.close(succeeded=True)
    assert got("a") == (rows, "closed")
    assert said == []
