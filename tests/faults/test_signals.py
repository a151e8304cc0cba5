"""Signals to the real command: it saves, says so, leaves with its code, and goes on later."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow

# Long enough that no signal comes too late; it is never run to its end.
LONG = {"MAX_ITERS": 20_000, "EVAL_INTERVAL": 50}


@pytest.fixture
def training(one_training):
    return one_training(**LONG)


@pytest.mark.parametrize(
    ("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGUSR1", 75)]
)
def test_it_saves_leaves_with_its_code_and_goes_on(training, name, status):
    child = training.start()
    training.wait_for_step(child, 20)
    os.killpg(child.pid, getattr(signal, name))
    output, _ = child.communicate(timeout=30)
    assert child.returncode == status, output
    assert "Traceback" not in output
    assert f"stopped by {name}; the same command continues it" in output
    assert training.run.live() == "interrupted"
    (newest, *_) = sorted(training.run.checkpoints_path.glob("step-*.pt"), reverse=True)
    saved = int(newest.stem.removeprefix("step-"))
    assert saved >= training.step()
    again = training.start()
    training.wait_for_step(again, saved + 5)
    os.killpg(again.pid, signal.SIGKILL)
    output, _ = again.communicate(timeout=30)
    assert f"continuing from step {saved}" in output


def test_a_second_ctrl_c_leaves_at_once_and_harms_nothing(training):
    child = training.start()
    training.wait_for_step(child, 20)
    # Both before the step is over: the first is still only noted when the second comes.
    os.killpg(child.pid, signal.SIGSTOP)
    os.killpg(child.pid, signal.SIGINT)
    os.killpg(child.pid, signal.SIGCONT)
    time.sleep(0.002)
    os.killpg(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=30)
    assert child.returncode == 130, output
    assert "Traceback" not in output
    reached = training.step()
    again = training.start()
    # One that this start computes: before it has begun, nobody is there to hear a signal.
    training.wait_for_step(again, reached + 10)
    os.killpg(again.pid, signal.SIGTERM)
    output, _ = again.communicate(timeout=30)
    assert again.returncode == 143, output


def test_under_nohup_it_outlives_its_terminal(training, tmp_path):
    child = training.start("nohup")
    training.wait_for_step(child, 20)
    os.killpg(child.pid, signal.SIGHUP)
    training.wait_for_step(child, training.step() + 20)
    os.killpg(child.pid, signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 143


def test_before_the_training_it_leaves_without_a_traceback(training):
    child = training.start()
    deadline = time.monotonic() + 60
    while not training.run.path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=30)
    assert child.returncode == 130, output
    assert "Traceback" not in output
