"""Injected spikes disturb what they shall, and nothing else."""

import pytest

from lib.metrics import read_metrics

SPIKE = {"SPIKE_INJECTION": "y", "SPIKE_FIRST_STEP": 8, "LOG_INTERVAL": 1}


def losses(run):
    return [row["loss"] for row in read_metrics(run.metrics_path, {"train"})]


def norms(run):
    return [row["gradient_norm"] for row in read_metrics(run.metrics_path, {"train"})]


def test_a_factor_of_one_changes_no_bit(train, final_weights, equal):
    train(GRADIENT_ACCUMULATION=2)
    train(GRADIENT_ACCUMULATION=2, SPIKE_FACTOR=1, **SPIKE)
    assert equal(*final_weights)


def test_the_gradient_is_scaled_and_the_loss_stays_the_true_one(train):
    # Of one micro-batch the clip would keep the direction and undo the rest.
    _, quiet = train(GRAD_CLIP=0, LOG_INTERVAL=1)
    _, spiked = train(GRAD_CLIP=0, **SPIKE)
    assert losses(spiked)[:8] == losses(quiet)[:8]
    assert norms(spiked)[7] == pytest.approx(1000 * norms(quiet)[7], rel=1e-5)
    assert losses(spiked)[8] != losses(quiet)[8]


def test_only_the_first_micro_batch_is_scaled(train):
    """Of two equal micro-batches the sum would be 1001 times one half."""
    _, quiet = train(GRADIENT_ACCUMULATION=2, LOG_INTERVAL=1)
    _, spiked = train(GRADIENT_ACCUMULATION=2, **SPIKE)
    ratio = norms(spiked)[7] / norms(quiet)[7]
    assert 400 < ratio < 900


def test_metrics_and_summary_say_where(train):
    outcome, run = train(SPIKE_INTERVAL=5, **SPIKE)
    rows = read_metrics(run.metrics_path, {"spike"})
    assert [(row["step"], row["factor"]) for row in rows] == [
        (8, 1000.0),
        (13, 1000.0),
        (18, 1000.0),
    ]
    assert outcome.measured["spikes"] == {"factor": 1000.0, "injected": 3}
    assert "first micro-batch x 1000 at step 8" in run.log_path.read_text()


def test_an_undisturbed_run_says_nothing_of_spikes(train):
    outcome, run = train()
    assert outcome.measured["spikes"] is None
    assert read_metrics(run.metrics_path, {"spike"}) == []


@pytest.fixture
def bump(train):
    """bump(NAME=value, ...): nats that a spike at step 50 costs on average over 30 steps."""

    def measure(**arm):
        # A constant rate and no clip of the global norm, which takes the force out of a spike by
        # itself: what is left is the optimizer's own doing.
        settings = {"MAX_ITERS": 80, "LEARNING_RATE": "2e-3", "DECAY_LR": "n", "GRAD_CLIP": 0}
        settings |= {"EVAL_INTERVAL": 80} | arm
        _, quiet = train(LOG_INTERVAL=1, **settings)
        _, spiked = train(**settings, **(SPIKE | {"SPIKE_FIRST_STEP": 50}))
        gaps = [a - b for a, b in zip(losses(spiked), losses(quiet), strict=True)][50:]
        return sum(gaps) / len(gaps)

    return measure


def test_adamw_shows_a_bump_and_adamwspam_a_smaller_one(bump):
    """With all of it off the arms coincide: test_equalities.py."""
    adamw = bump(OPTIMIZER="adamw")
    assert adamw > 0.3
    for preset in ("seed", "paper"):
        assert bump(OPTIMIZER="adamwspam", SPAM_PRESET=preset) < adamw / 3


def test_the_log_counts_what_a_spike_set_off(train):
    settings = {"OPTIMIZER": "adamwspam", "SPAM_PRESET": "seed", "MAX_ITERS": 40}
    _, run = train(**settings, **(SPIKE | {"SPIKE_FIRST_STEP": 30}))
    rows = read_metrics(run.metrics_path, {"train"})
    clipped = {row["step"]: row["spam_clipped_fraction"] for row in rows}
    assert clipped[29] == 0.0
    assert clipped[30] > 0.5
