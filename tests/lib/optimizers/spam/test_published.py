"""The preset `paper` is the authors' code: three things that no other SPAM here does."""

import math

import pytest
import torch
from torch import nn

from tests.lib.optimizers.spam.knobs import PAPER

SHORT = {"interval": 50, "warmup_steps": 20, "learning_rate": 0.1}


def published(gradients, start, *, interval, warmup_steps, learning_rate):
    """The values of one weight under the authors' rules (galore_torch/SPAM.py), written by step.

    Their state is two moments, a step count that no reset touches, and the distance to the reset.
    """
    weight, first, second, values = start, 0.0, 0.0, []
    for step, gradient in enumerate(gradients, start=1):
        since = step % interval if step >= interval else None
        if since == 0:
            first = second = 0.0
        if step >= 20 and step % interval >= 20 and gradient**2 > 5000 * second > 0:
            gradient = math.copysign(math.sqrt(5000 * second), gradient)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = learning_rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        if since is not None and since < warmup_steps:
            # Their cosine falls from 0.99 to 0 over W + 1 steps, and is taken from 1.
            rate *= 1 - 0.99 * (1 + math.cos(math.pi * since / (warmup_steps + 1))) / 2
        weight -= rate * first / (math.sqrt(second) + 1e-6)
        values.append(weight)
    return values


def spiked_gradients():
    """199 gradients of about 1e-3, where epsilon counts, with spikes at the edges of each grace.

    Each spike of a window is far above the one before it: the first, in the grace, stays whole.
    """
    generator = torch.Generator().manual_seed(0)
    gradients = (torch.randn(199, generator=generator, dtype=torch.float64) * 1e-3).tolist()
    for window in (0, 50, 100, 150):
        for step, factor in ((19, 1e3), (20, 1e5), (21, 1e7), (30, 1e9)):
            gradients[window + step - 1] = factor * 1e-3
    return gradients


def test_it_is_the_authors_step_over_three_resets(scalar_run):
    gradients = spiked_gradients()
    ours, optimizer = scalar_run(gradients, "paper", start=0.3, **SHORT)
    assert ours == pytest.approx(published(gradients, 0.3, **SHORT), rel=1e-12)
    events = optimizer.read_events()
    assert events["spam_resets"] == 3
    assert events["spam_clipped_fraction"] * 199 == pytest.approx(12)


@pytest.mark.parametrize(
    "change",
    [{"as_published": False}, {"epsilon": 1e-8}, {"grace": 19}, {"warmup_floor": 0.02}],
    ids=str,
)
def test_the_comparison_sees_each_number(scalar_run, change):
    gradients = spiked_gradients()
    ours, _ = scalar_run(gradients, "paper", start=0.3, **SHORT, **change)
    assert ours != pytest.approx(published(gradients, 0.3, **SHORT), rel=1e-9)


def test_epsilon_counts_the_updates_of_each_parameter(build):
    """A late parameter has a younger bias correction, and so another epsilon."""
    early, late = (nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    optimizer = build([("a", early), ("b", late)], "paper", learning_rate=0.1)
    alone, values = [1e-6] * 30, []
    for step in range(60):
        early.grad = torch.full_like(early, 1e-6)
        late.grad = torch.full_like(late, 1e-6) if step >= 30 else None
        optimizer.step()
        values.append((early.item(), late.item()))
    expected = published([1e-6] * 60, 0.0, interval=500, warmup_steps=150, learning_rate=0.1)
    assert [value for value, _ in values] == pytest.approx(expected, rel=1e-12)
    assert [value for _, value in values[30:]] == pytest.approx(expected[: len(alone)], rel=1e-12)


def test_the_warm_up_begins_at_the_floor_itself(build):
    from lib.optimizers.spam.settings import warmup_scale

    assert PAPER["as_published"]
    scales = [warmup_scale(k, 150, 0.01, from_floor=True) for k in range(151)]
    assert scales[0] == 0.01
    assert scales[1:150] == [warmup_scale(k, 150, 0.01) for k in range(149)]
    assert scales[150] == 1.0
