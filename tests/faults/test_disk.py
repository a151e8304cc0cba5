"""A disk that is full: one sentence, nothing lost, and the run goes on when there is room."""

import os
import resource
import signal

import pytest

pytestmark = pytest.mark.slow

RUN = {"MAX_ITERS": 60, "CHECKPOINT_INTERVAL": 10, "EVAL_INTERVAL": 20}


def no_file_larger_than(limit_bytes):
    """For a child: the kernel refuses to write beyond it, as a full disk would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


@pytest.fixture
def training(one_training):
    return one_training(**RUN)


def test_a_checkpoint_that_does_not_fit(training):
    status, output = training.finish(preexec_fn=no_file_larger_than(200_000))
    assert status == 74, output
    assert "Traceback" not in output
    assert "could not be written" in output
    assert "are free there" in output
    assert training.run.state() == "pending"
    left = [path.name for path in training.run.checkpoints_path.iterdir()]
    assert not [name for name in left if name.startswith(".") or name.endswith(".bad")]
    status, output = training.finish()
    assert status == 0, output
    straight = training.run.summary()["val_loss"]
    training.run.set_aside()
    assert training.finish()[0] == 0
    assert training.run.summary()["val_loss"] == straight


def test_the_checkpoints_before_stay(one_training):
    training = one_training(MAX_ITERS=20_000, CHECKPOINT_INTERVAL=10)
    child = training.start()
    training.wait_for_step(child, 20)
    os.killpg(child.pid, signal.SIGTERM)
    child.communicate(timeout=30)
    before = sorted(training.run.checkpoints_path.glob("step-*.pt"))
    status, output = training.finish(preexec_fn=no_file_larger_than(200_000))
    assert status == 74, output
    assert f"continuing from step {int(before[-1].stem[5:])}" in output
    assert sorted(training.run.checkpoints_path.glob("step-*.pt")) == before


def test_a_metrics_row_that_does_not_fit(training):
    # The log and the first rows fit; a checkpoint would not come before step 10.
    status, output = training.finish(preexec_fn=no_file_larger_than(3_000))
    assert status == 74, output
    assert "Traceback" not in output
    assert training.finish()[0] == 0
