"""What must hold when things go wrong in the middle of a matrix."""

import os
import random
import signal
import time

import pytest

from lib.claims import claim, is_held

pytestmark = pytest.mark.slow


def causes(run):
    return [attempt["cause"] for attempt in run.attempts()]


def test_killed_again_and_again_the_same_command_finishes_and_repeats_nothing(matrix):
    """A single run is killed a hundred times in test_kills.py; here Make and its children are."""
    slow = matrix(MAX_ITERS=300, EVAL_INTERVAL=100)
    moments = random.Random(20260)
    for _ in range(4):
        child = slow.start()
        time.sleep(moments.uniform(0.2, 6.0))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    status, output = slow.run()
    assert status == 0, output
    assert len(slow.runs()) == 2
    for run in slow.runs():
        assert run.state() == "done"
        # Done once, and nothing was started after that.
        assert causes(run).count("done") == 1
        assert causes(run)[-1] == "done"
        steps = [line for line in run.metrics_path.read_text().splitlines() if "train" in line]
        assert len(steps) == 300 // 5
    before = [run.summary_path.stat().st_mtime_ns for run in slow.runs()]
    assert slow.run()[0] == 0
    assert [run.summary_path.stat().st_mtime_ns for run in slow.runs()] == before


def test_a_failing_run_stops_no_other_and_is_shown_with_its_reason(matrix):
    # One of the two diverges: its learning rate is absurd.
    broken = matrix(PRUNING_METHOD="none", SWEEP="LEARNING_RATE=1e-3,100", GRAD_CLIP="0")
    status, output = broken.run()
    assert status == 70
    states = sorted(run.state() for run in broken.runs())
    assert states == ["diverged", "done"]
    assert "1 done, 1 diverged" in output
    assert output.count("not finite") + output.count("diverged:") >= 2
    report = next(broken.results.glob("matrices/*/report/report.html")).read_text()
    assert "diverged" in report
    # A divergence is a result: the same command does not compute it again, and still says so.
    status, output = broken.run()
    assert status == 70
    assert "1 done, 1 diverged" in output
    assert all(len(run.attempts()) == 1 for run in broken.runs())


def test_the_second_of_two_matrices_is_told_who_holds_what(matrix):
    held = matrix()
    first = held.start()
    folder = None
    while folder is None or not is_held(folder):
        assert first.poll() is None
        folder = next(held.results.glob("matrices/*"), None)
    status, output = held.run()
    assert status == 75
    assert f"is held by process {first.pid}" in output
    first.communicate()
    assert first.returncode == 0


def test_a_run_held_by_another_matrix_is_named_and_the_rest_goes_on(matrix):
    shared = matrix()
    assert shared.run("scripts.matrix", "plan")[0] == 0
    status, output = shared.run()
    assert status == 0
    held, other = shared.runs()
    for run in (held, other):
        run.set_aside()
    with claim(held.path):
        status, output = shared.run()
    assert status == 70
    assert f"{held.path} is held by process {os.getpid()}" in output
    assert (held.state(), other.state()) == ("pending", "done")


@pytest.mark.parametrize(
    ("number", "to_whom"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)]
)
def test_a_signal_ends_the_run_and_says_so(matrix, number, to_whom):
    """A terminal sends Ctrl+C to the whole group, `kill` its SIGTERM to one process."""
    stopped = matrix(MAX_ITERS=5000)
    child = stopped.start()
    while not any(run.is_running() and run.metrics_path.exists() for run in _runs(stopped)):
        assert child.poll() is None
    to_whom(child.pid, number)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert "Traceback" not in output
    assert "; the same command continues it" in output
    assert "2 pending" in output
    assert all(run.state() == "pending" and not run.is_running() for run in stopped.runs())
    assert "interrupted" in [cause for run in stopped.runs() for cause in causes(run)]


def _runs(matrix):
    return matrix.runs() if (matrix.results / "runs").is_dir() else []


def test_make_t_fakes_nothing(matrix):
    faked = matrix()
    status, output = faked.run(MAKEFLAGS="t")
    assert status == 70
    assert "2 pending" in output
    assert faked.run()[0] == 0
    assert all(run.state() == "done" for run in faked.runs())


def test_make_n_runs_nothing(matrix):
    status, output = matrix().run(MAKEFLAGS="n")
    assert status == 0
    assert output.count("gpt2/train.py") == 2
    assert all(not run.attempts() for run in matrix().runs())


def test_a_device_that_is_not_here_stops_before_any_data(matrix, tmp_path):
    elsewhere = matrix(DEVICE="rocm", DATA_DIR=tmp_path / "untouched")
    status, output = elsewhere.run(CUDA_VISIBLE_DEVICES="")
    assert status == 70
    assert output.count("DEVICE=rocm wants a rocm GPU") == 1
    assert "make DEVICE=auto" in output
    assert "2 pending" in output
    assert not (tmp_path / "untouched").exists()
    assert all(not run.attempts() for run in elsewhere.runs())


def test_data_that_changed_on_the_disk_is_refused_before_step_1(matrix, tmp_path):
    changed = matrix(DATA_DIR=tmp_path / "data", PRUNING_METHOD="none")
    assert changed.run()[0] == 0
    run = changed.runs()[0]
    run.set_aside()
    shard = next((tmp_path / "data").glob("*/train-00000.bin"))
    content = bytearray(shard.read_bytes())
    content[5000] ^= 1
    shard.write_bytes(content)
    status, output = changed.run()
    assert status == 70
    assert str(shard) in output
    assert "Traceback" not in output
    assert run.state() == "pending"
    assert not run.metrics_path.exists()


def test_two_at_a_time_give_what_one_by_one_gives(matrix):
    alone = matrix()
    assert alone.run()[0] == 0
    first = {run.name: run.summary()["val_loss"] for run in alone.runs()}
    for run in alone.runs():
        run.set_aside()
    together = matrix(PARALLEL_JOBS=2)
    assert together.run()[0] == 0
    assert {run.name: run.summary()["val_loss"] for run in together.runs()} == first
