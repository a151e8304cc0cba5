import copy
import math

import pytest
import torch
from torch import nn

from lib.optimizers.stable_spam import stable_spam
from tests.lib.optimizers.harness import (
    assert_round_trip,
    counted_reads,
    parameters,
    train,
    weights,
)

KNOBS = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "gamma1": 0.7,
    "gamma2": 0.9,
    "gamma3": 0.999,
    "interval": 1000,
}


def build(named, **changes):
    return stable_spam(named, **KNOBS | changes)


def largest_mean(optimizer):
    """M_hat of each tensor."""
    return optimizer.statistics[0] / optimizer.statistics[1]


def test_known_answer_the_limit_of_a_constant_gradient_is_that_constant_throughout():
    weight = nn.Parameter(torch.zeros(3))
    optimizer = build([("w", weight)])
    signs = torch.tensor([1.0, -1.0, 1.0])
    for step in range(1, 2001):
        weight.grad = signs.clone()
        optimizer.step()
        assert largest_mean(optimizer).item() == 1.0, step
    events = optimizer.read_events()
    assert events == {"stable_spam_clipped_fraction": 0.0, "stable_spam_resets": 2.0}


def plain(weights, decays, gradients, states, t, k):
    """Ten lines in double precision, after the paper; k: the counter of m and v."""
    for w, decay, g, s in zip(weights, decays, gradients, states, strict=True):
        g1, g2, g3, b1, b2 = 0.7, 0.9, 0.999, 0.9, 0.999
        s["M"] = g3 * s["M"] + (1 - g3) * g.abs().max()
        limit = s["M"] / (1 - g3**t)
        g = torch.where(g.abs() > limit, g / g.abs().max() * limit, g)
        q = g.norm()
        s["mu"], s["nu"] = g1 * s["mu"] + (1 - g1) * q, g2 * s["nu"] + (1 - g2) * q * q
        g = g / q * (s["mu"] / (1 - g1**t)) / ((s["nu"] / (1 - g2**t)).sqrt() + 1e-8)
        if k == 1:
            s["m"], s["v"] = 0 * w, 0 * w
        s["m"], s["v"] = b1 * s["m"] + (1 - b1) * g, b2 * s["v"] + (1 - b2) * g * g
        w *= 1 - 1e-2 * decay
        w -= 1e-2 * s["m"] / (1 - b1**k) / ((s["v"] / (1 - b2**k)).sqrt() + 1e-8)


def test_equals_the_plain_loop_across_resets():
    named = [(name, p) for name, p in parameters(torch.float64) if p.numel()]
    optimizer = build(named, interval=20)
    weights = [p.detach().clone() for _, p in named]
    decays = [0.1 if w.ndim >= 2 else 0.0 for w in weights]
    zero = torch.zeros((), dtype=torch.float64)
    states = [{"M": zero, "mu": zero, "nu": zero} for _ in weights]
    for step in range(1, 51):
        generator = torch.Generator().manual_seed(step)
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
            p.grad *= 100.0 if step == 30 else 1.0
        gradients = [p.grad.clone() for _, p in named]
        optimizer.step()
        plain(weights, decays, gradients, states, step, step if step < 20 else step % 20 + 1)
        for (name, a), b in zip(named, weights, strict=True):
            torch.testing.assert_close(a.detach(), b, rtol=0, atol=1e-12, msg=f"{step} {name}")
    events = optimizer.read_events()
    assert events["stable_spam_resets"] == 2
    assert 0 < events["stable_spam_clipped_fraction"] < 0.5


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_agrees_with_another_implementation_that_keeps_its_counters_apart():
    oracle = pytest.importorskip("pytorch_optimizer", reason="needs requirements-dev.txt")
    ours, theirs = (nn.Parameter(torch.ones(30, 2, dtype=torch.float64)) for _ in range(2))
    optimizer = build([("w", ours)], interval=40)
    judge = oracle.StableSPAM([theirs], lr=1e-2, weight_decay=0.1, update_proj_gap=40)
    generator = torch.Generator().manual_seed(0)
    differences = []
    for step in range(1, 61):
        gradient = torch.randn(30, 2, generator=generator, dtype=torch.float64)
        gradient *= 50.0 if step == 20 else 1.0
        for weight, each in ((ours, optimizer), (theirs, judge)):
            weight.grad = gradient.clone()
            each.step()
        differences.append((ours - theirs).abs().max().item())
    assert max(differences) < 1e-12
    assert optimizer.steps_since_reset == 21


def test_a_spike_is_clipped_and_the_norm_that_comes_back_is_the_true_one():
    weight = nn.Parameter(torch.zeros(100))
    optimizer = build([("w", weight)])
    for step in range(5):
        weight.grad = torch.ones(100)
        if step == 4:
            weight.grad[0] = 1e4
        norm = optimizer.condition_gradients(weight.grad.norm())
        torch.testing.assert_close(norm, weight.grad.norm())
        if step < 4:
            optimizer.step()
    # Unclipped, the spike would leave the others 1e-4 of it.
    assert (weight.grad[0] / weight.grad[1]).item() == pytest.approx(2001, rel=0.01)
    assert norm.item() < 2.0
    assert optimizer.read_events()["stable_spam_clipped_fraction"] == 1 / 500


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("gamma1", 0.2),
        ("gamma2", 0.2),
        ("gamma3", 0.2),
        ("interval", 5),
        ("learning_rate", 2e-2),
        ("beta1", 0.5),
        ("beta2", 0.5),
        ("epsilon", 1e-2),
        ("weight_decay", 0.5),
    ],
)
def test_every_setting_acts(keyword, value):
    base = weights(build, 10)
    changed = weights(lambda named: build(named, **{keyword: value}), 10)
    assert not torch.equal(base[0], changed[0])


@pytest.mark.parametrize(
    ("keyword", "value", "symbol"),
    [
        ("gamma1", 1.0, "STABLE_SPAM_GAMMA1"),
        ("gamma2", -0.1, "STABLE_SPAM_GAMMA2"),
        ("gamma3", math.nan, "STABLE_SPAM_GAMMA3"),
        ("interval", 0, "STABLE_SPAM_INTERVAL"),
        ("learning_rate", -1.0, "LEARNING_RATE"),
        ("beta2", 1.0, "BETA2"),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value, symbol):
    with pytest.raises(ValueError, match=r"; set ") as refusal:
        build(parameters(), **{keyword: value})
    assert symbol in str(refusal.value)


def test_gradients_of_zeros_and_none_leave_everything_finite():
    named = parameters()
    optimizer = build(named, interval=4)
    for step in range(10):
        for i, (_, p) in enumerate(named):
            p.grad = None if (i + step) % 3 == 0 else torch.zeros_like(p)
        optimizer.step()
    assert all(p.isfinite().all() for _, p in named)
    assert optimizer.statistics.isfinite().all()
    for _, p in named:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert all(p.isfinite().all() for _, p in named)
    for _, p in named:
        p.grad = None
    optimizer.step()


def test_a_gradient_of_the_tensor_a_step_late_has_statistics_of_its_own():
    early, late = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    optimizer = build([("early", early), ("late", late)])
    for step in range(10):
        early.grad = torch.ones(2)
        late.grad = torch.full((2,), 3.0) if step == 9 else None
        optimizer.step()
    assert largest_mean(optimizer).tolist() == [1.0, 3.0]


@pytest.mark.parametrize("interval", [1000, 4])
def test_continues_bit_equal(interval):
    assert_round_trip(lambda named: build(named, interval=interval))


def test_the_statistics_are_needed_to_continue():
    named = parameters()
    optimizer = build(named)
    train(optimizer, named, 5)
    state = copy.deepcopy(optimizer.state_dict())
    state["conditioning"]["statistics"].zero_()
    again = [(name, nn.Parameter(p.detach().clone())) for name, p in named]
    resumed = build(again)
    resumed.load_state_dict(state)
    for each, tensors in ((optimizer, named), (resumed, again)):
        train(each, tensors, 3, seed=5)
    assert not torch.equal(named[0][1], again[0][1])


def test_nothing_on_the_path_reads_from_the_device():
    named = parameters()
    optimizer = build(named, interval=3)
    with counted_reads() as reads:
        train(optimizer, named, 10)
    assert reads.count == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_train(dtype):
    assert all(w.isfinite().all() for w in weights(build, 20, dtype))
