"""Arms that are the same by construction end with the same bits.

Published arms of this kind were 0.155 nats apart, the size of a harness's error.
"""

import pytest

from lib.metrics import read_metrics

STATE = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state"}
SPAM_OFF = {
    "SPAM_PRESET": "custom",
    "SPAM_ENABLE_CLIP": "n",
    "SPAM_PERIODIC_RESET": "n",
    "SPAM_DETECT_SPIKES": "n",
}
SPIKES = {"SPIKE_INJECTION": "y", "SPIKE_FIRST_STEP": 8, "SPIKE_INTERVAL": 4}


def test_magnitude_and_bitter1_agree_to_the_last_bit(train, final_weights, equal):
    first, _ = train(PRUNING_METHOD="magnitude")
    second, _ = train(**STATE, ADAMWPRUNE_VARIANT="bitter1")
    assert equal(*final_weights)
    assert first.measured["val_loss"] == second.measured["val_loss"]
    assert first.measured["pruning"]["achieved_sparsity"] == 0.5


@pytest.mark.parametrize("spikes", [{}, SPIKES], ids=["quiet", "spiked"])
@pytest.mark.parametrize(("base", "amsgrad"), [("adamw", "n"), ("adamwadv", "y")])
def test_dense_arms_of_one_update_are_one_arm(train, final_weights, equal, base, amsgrad, spikes):
    """Also under spikes, which is where a mechanism that is not quite off would show."""
    spam = SPAM_OFF | {"SPAM_AMSGRAD": amsgrad}
    train(OPTIMIZER=base, **spikes)
    train(OPTIMIZER="adamwprune", ADAMWPRUNE_BASE=base, **spikes)
    train(OPTIMIZER="adamwspam", **spam, **spikes)
    train(OPTIMIZER="adamwprune", ADAMWPRUNE_BASE="adamwspam", **spam, **spikes)
    assert len(final_weights) == 4
    assert all(equal(final_weights[0], other) for other in final_weights[1:])


def test_an_arm_that_differs_is_seen_to_differ(train, final_weights, equal):
    train(OPTIMIZER="adamw", **SPIKES)
    train(OPTIMIZER="adamwadv", **SPIKES)
    assert not equal(*final_weights)


@pytest.mark.parametrize("extra", [{}, {"EXTRA_ITERATIONS_PCT": 21}, {"EXTRA_BATCH_PCT": 14}])
def test_bitter2_is_bitter1_at_an_equal_budget(train, final_weights, equal, extra):
    train(**STATE, ADAMWPRUNE_VARIANT="bitter1", **extra)
    outcome, _ = train(**STATE, ADAMWPRUNE_VARIANT="bitter2", **extra)
    assert outcome.status == "done"
    assert equal(*final_weights)


def test_bitter8_prunes_what_bitter3_prunes(train, final_weights, equal):
    train(**STATE, ADAMWPRUNE_VARIANT="bitter3")
    train(**STATE, ADAMWPRUNE_VARIANT="bitter8")
    assert equal(*final_weights)


def test_a_longer_run_takes_its_schedules_along(train):
    """Learning rate and pruning end where the extended run ends, not where the plan's does."""
    _, run = train(PRUNING_METHOD="magnitude", EXTRA_ITERATIONS_PCT=100, LOG_INTERVAL=1)
    rows = read_metrics(run.metrics_path)
    rates = [row["learning_rate"] for row in rows if row["kind"] == "train"]
    assert len(rates) == 40
    assert rates[-1] == pytest.approx(6e-5)
    assert min(rates[2:]) == rates[-1]
    events = [row["step"] for row in rows if row["kind"] == "prune"]
    assert (events[0], events[-1]) == (10, 30)


def test_an_extra_batch_is_trained_on(train):
    outcome, _ = train(EXTRA_BATCH_PCT=50)
    assert outcome.measured["steps"] == 20
    assert outcome.measured["tokens"] == 20 * 6 * 32
