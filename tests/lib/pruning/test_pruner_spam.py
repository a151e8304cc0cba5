"""The engine on the real AdamWSPAM: resets that collide with events, its extra state, threads."""

import copy

import pytest
import torch

from lib import workers
from lib.pruning import check_outcome
from tests.lib.pruning.tiny_run import SIZES, STEPS, Run, assert_same

SPAM = {
    "SPAM_EPSILON": 1e-8,
    "SPAM_ENABLE_CLIP": True,
    "SPAM_THETA": 5000.0,
    "SPAM_CORRECTED_REFERENCE": True,
    "SPAM_GRACE": 2,
    "SPAM_AS_PUBLISHED": False,
    "SPAM_PERIODIC_RESET": True,
    "SPAM_INTERVAL": 17,
    "SPAM_BIAS_RESET": True,
    "SPAM_WARMUP": True,
    "SPAM_WARMUP_STEPS": 4,
    "SPAM_WARMUP_FLOOR": 0.01,
    "SPAM_DETECT_SPIKES": True,
    "SPAM_SPIKE_THRESHOLD": 2.0,
    "SPAM_LOG_NORMS": False,
    "SPAM_AMSGRAD": True,
    "SPAM_DENSITY": 1.0,
    "ADAMWPRUNE_BASE": "adamwspam",
}


@pytest.mark.parametrize("variant", ["bitter0", "bitter8"])
@pytest.mark.parametrize("density", [1.0, 0.5])
def test_events_wait_for_the_moments_after_each_real_reset(density, variant):
    chosen = SPAM | {"SPAM_DENSITY": density, "ADAMWPRUNE_VARIANT": variant}
    run = Run("state", "adamwprune", **chosen)
    run.train()
    # Resets at 17, 34 and 51; 17 // 2 = 8 updates later is when the moments count again.
    waits = {event.step: event.waited_steps for event in run.events}
    assert waits == {24: 4, 27: 0, 41: 7, 48: 0, 58: 3, 60: 0}
    assert check_outcome(run.pruner, 0.5) is None
    for name, weight in run.named:
        if name in SIZES:
            state = run.optimizer.state[weight]
            for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"):
                assert bool((state[key][weight == 0] == 0).all()), key


def test_magnitude_prunes_on_time_on_the_same_optimizer():
    run = Run("magnitude", "adamwspam", **SPAM).train()
    assert [(event.step, event.waited_steps) for event in run.events] == [
        (step, 0) for step in (20, 27, 34, 41, 48, 55, 60)
    ]


@pytest.mark.parametrize("stop", [36, 50])
def test_resumed_while_an_event_waits_it_continues_bit_equal(stop):
    chosen = SPAM | {"ADAMWPRUNE_VARIANT": "bitter0"}
    straight = Run("state", "adamwprune", **chosen).train()
    first = Run("state", "adamwprune", **chosen).train(stop)
    assert first.pruner.state_dict()["pending"] == {36: 34, 50: None}[stop]
    saved = copy.deepcopy(
        (first.weights(), first.optimizer.state_dict(), first.pruner.state_dict())
    )
    second = Run("state", "adamwprune", **chosen)
    with torch.no_grad():
        for name, p in second.named:
            p.copy_(saved[0][name])
    second.optimizer.load_state_dict(saved[1])
    second.pruner.load_state_dict(saved[2])
    second.step = stop
    second.train(STEPS - stop)
    assert_same(straight, second)
    assert straight.events == first.events + second.events


@pytest.mark.parametrize("distribution", ["uniform", "global", "erk"])
@pytest.mark.parametrize(("method", "variant"), [("magnitude", None), ("state", "bitter0")])
def test_the_number_of_threads_changes_no_bit(monkeypatch, method, variant, distribution):
    """Sums are of integers, and each tensor is scored whole by one thread."""
    monkeypatch.setattr(workers, "SMALL", 10)
    chosen = {"ADAMWPRUNE_VARIANT": variant, "PRUNING_DISTRIBUTION": distribution}
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs.append(Run(method, "adamw", **chosen).train())
    finally:
        torch.set_num_threads(1)
    assert runs[0].events == runs[1].events
    assert_same(runs[0], runs[1])


def test_an_error_in_a_thread_reaches_the_run(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 10)
    run = Run().train(19)
    with torch.no_grad():
        dict(run.named)["blocks.1.up"][0, 0] = float("nan")
    try:
        torch.set_num_threads(2)
        with pytest.raises(ValueError, match="of blocks.1.up is not finite"):
            run.train(30)
    finally:
        torch.set_num_threads(1)
