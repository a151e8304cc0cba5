"""With every mechanism off it is its base, bit for bit, through the fused kernel."""

import math

import pytest
import torch

from lib.optimizers.adamw import adamw
from lib.optimizers.adamwadv import adamwadv

SHARED = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")


@pytest.mark.parametrize(("preset", "base"), [("paper", adamw), ("seed", adamwadv)])
@pytest.mark.parametrize("by", ["switches", "infinities", "never reached"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_equals_its_base_step_by_step(build, model, preset, base, by, dtype):
    knobs = {
        "switches": {"enable_clip": False, "periodic_reset": False, "detect_spikes": False},
        "infinities": {"theta": math.inf, "interval": math.inf, "detect_spikes": False},
        "never reached": {"theta": 1e12, "interval": 10_000, "spike_threshold": 1e9},
    }[by]
    shared = {"learning_rate": 1e-2, "epsilon": 1e-8, "weight_decay": 0.1, "beta2": 0.95}
    ours, theirs = model(dtype), model(dtype)
    optimizer = build(ours, preset, as_published=False, **shared | knobs)
    judge = base(theirs, beta1=0.9, **shared)
    assert optimizer.param_groups[0]["fused"]
    assert judge.param_groups[0]["fused"]
    for step in range(40):
        factor = 100.0 if step == 35 else 1.0
        for named, each in ((ours, optimizer), (theirs, judge)):
            generator = torch.Generator().manual_seed(step)
            for _, parameter in named:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.grad = (factor * noise).to(dtype)
            each.step()
        for (name, a), (_, b) in zip(ours, theirs, strict=True):
            assert torch.equal(a, b), (step, name)
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        for name, tensor in judge.state[b].items():
            assert torch.equal(optimizer.state[a][name], tensor), name


def test_it_equals_nothing_else_with_its_mechanisms_on(build, model, train):
    """The equalities above would also hold for an optimizer that ignores every knob."""
    off, on = model(), model()
    train(build(off), off, 0, 30)
    train(build(on, "paper", epsilon=1e-8, interval=10, warmup_steps=5), on, 0, 30)
    assert not torch.equal(off[0][1], on[0][1])


def test_two_runs_are_bitwise_equal(build, model, train):
    first, second = model(), model()
    for named in (first, second):
        train(build(named, "seed", interval=12, warmup_steps=6, density=0.5), named, 0, 40)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_a_clip_that_clips_nothing_gives_the_norm_back_to_the_last_bit(build, model):
    named = model()
    optimizer = build(named, "paper")
    for step in range(25):
        generator = torch.Generator().manual_seed(step)
        for _, parameter in named:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        if step == 24:
            named[0][1].grad[0, 0] = 1e6
        norm = torch.nn.utils.get_total_norm([p.grad for _, p in named])
        after = optimizer.condition_gradients(norm)
        assert torch.equal(after, norm) == (step < 24)
        torch.testing.assert_close(
            after, torch.nn.utils.get_total_norm([p.grad for _, p in named]), rtol=1e-6, atol=0
        )
        optimizer.step()
    assert optimizer.read_events()["spam_clipped_fraction"] == 1 / (25 * 144)
