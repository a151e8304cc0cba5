"""The z-score of the norm: what is a spike, what it does, how often it fires without one."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.optimizers.spam.detector import SpikeDetector
from tests.lib.optimizers.harness import counted_reads


def verdicts(norms, **keywords):
    detector = SpikeDetector(**{"threshold": 2.0, "log_norms": False} | keywords)
    found = []
    for norm in norms:
        is_spike = detector.observe(torch.tensor(norm, dtype=torch.float32))
        found.append(None if is_spike is None else bool(is_spike))
    return found


@pytest.mark.parametrize("log_norms", [False, True])
def test_is_silent_until_ten_norms_and_then_sees_a_spike(log_norms):
    ordinary = [1.0 + 0.1 * math.sin(7 * i) for i in range(30)]
    assert verdicts(ordinary[:10] + [5.0], log_norms=log_norms) == [None] * 10 + [True]
    assert verdicts(ordinary[:9] + [5.0], log_norms=log_norms)[-1] is None
    assert verdicts(ordinary, log_norms=log_norms)[10:] == [False] * 20


@pytest.mark.parametrize("log_norms", [False, True])
def test_equal_norms_are_no_spikes(log_norms):
    for norm in (0.0, 1.0, 0.1, 1e-20, 3.7e15):
        assert not any(verdicts([norm] * 250, log_norms=log_norms)), norm


@given(st.floats(1e-3, 1e3), st.integers(0, 2**31))
def test_scaling_all_norms_changes_nothing(factor, seed):
    generator = torch.Generator().manual_seed(seed)
    norms = (torch.randn(60, generator=generator, dtype=torch.float64).abs() + 1).tolist()
    for log_norms in (False, True):
        # Doubles, so that rounding does not move a norm across the threshold.
        detectors = [SpikeDetector(threshold=2.0, log_norms=log_norms) for _ in range(2)]
        for norm in norms:
            plain = detectors[0].observe(torch.tensor(norm, dtype=torch.float64))
            scaled = detectors[1].observe(torch.tensor(factor * norm, dtype=torch.float64))
            assert (plain is None) == (scaled is None)
            assert plain is None or bool(plain) == bool(scaled)


@pytest.mark.parametrize("log_norms", [False, True])
def test_history_is_winsorised(log_norms):
    """Spikes that entered it whole would hide those that follow."""
    ordinary = [1.0 + 0.1 * math.sin(7 * i) for i in range(30)]
    found = verdicts(ordinary + [1e6, 100.0, 100.0, 10.0], log_norms=log_norms)
    assert found[-4:] == [True] * 4


def test_history_is_the_last_hundred():
    # A level that has left the history is a spike again, whatever came 101 norms ago.
    detector = SpikeDetector(threshold=2.0, log_norms=False)
    for i in range(250):
        detector.observe(torch.tensor(100.0 if i < 30 else 1.0 + 0.01 * math.sin(i)))
    assert bool(detector.observe(torch.tensor(50.0)))
    assert detector.state_dict()["ring"].max() < 2.0


@pytest.mark.parametrize(
    ("log_norms", "threshold", "expected"),
    [(False, 2.0, 0.024), (True, 2.0, 0.027), (True, 6.0, 0.0)],
)
def test_rate_without_any_spike(log_norms, threshold, expected):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(6000, generator=generator, dtype=torch.float64)
    norms = (0.3 * noise).exp() if log_norms else 10 + noise
    detector = SpikeDetector(threshold=threshold, log_norms=log_norms)
    fired = [detector.observe(norm) for norm in norms]
    rate = torch.stack(fired[10:]).double().mean().item()
    assert rate == pytest.approx(expected, abs=0.006)


def test_a_spike_halves_the_first_moment_and_takes_a_tenth_of_the_second(build):
    weight = torch.nn.Parameter(torch.zeros(3))
    optimizer = build([("w", weight)], detect_spikes=True)

    def step(gradient):
        before = {name: optimizer.state[weight][name].clone() for name in ("exp_avg", "exp_avg_sq")}
        weight.grad = torch.full_like(weight, gradient)
        optimizer.condition_gradients(weight.grad.norm())
        return [(optimizer.state[weight][name] / before[name])[0].item() for name in before]

    for i in range(15):
        weight.grad = torch.full_like(weight, 1.0 + 0.1 * math.sin(i))
        optimizer.step()
    optimizer.read_events()
    assert step(1.0) == [1.0, 1.0]
    optimizer.step()
    assert step(50.0) == [0.5, pytest.approx(0.9, rel=1e-7)]
    optimizer.step()
    events = optimizer.read_events()
    assert (events["spam_spikes"], events["spam_spike_rate"]) == (1, 0.5)
    # The window starts afresh.
    assert optimizer.read_events()["spam_spikes"] == 0


def test_reads_nothing_back():
    norms = [torch.tensor(1.0 + i % 7) for i in range(250)]
    for log_norms in (False, True):
        detector = SpikeDetector(threshold=2.0, log_norms=log_norms)
        with counted_reads() as reads:
            for norm in norms:
                detector.observe(norm)
        assert reads.count == 0


def test_a_loaded_history_is_a_copy():
    first, second = (SpikeDetector(threshold=2.0, log_norms=False) for _ in range(2))
    for _ in range(12):
        first.observe(torch.tensor(1.0))
    second.load_state_dict(first.state_dict(), torch.device("cpu"))
    kept = second.state_dict()["ring"].clone()
    first.observe(torch.tensor(7.0))
    assert torch.equal(second.state_dict()["ring"], kept)
