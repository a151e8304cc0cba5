"""What a score does not depend on: the scale of the gradients, and of a tensor."""

import pytest
import torch
from torch import nn

from lib.pruning.select import smallest
from tests.lib.pruning.scores.views import NAMES, score, scores, view

STEPS, SIZE = 6, 2000


def trained(entry, gradient_scale):
    """Keep scores after a few real steps of AdamW; its eps is scaled with the gradients."""
    generator = torch.Generator().manual_seed(1)
    weight = nn.Parameter(0.02 * torch.randn(SIZE, generator=generator))
    # The size of v on GPT-2 124M, 5e-10, where an absolute eps of 1e-8 would be all there is.
    spread = 2e-5 * torch.rand(SIZE, generator=generator)
    optimizer = torch.optim.AdamW([weight], lr=1e-3, eps=1e-8 * gradient_scale)
    memory = entry.memory.initial(weight) if entry.memory else None
    for _ in range(STEPS):
        weight.grad = torch.randn(SIZE, generator=generator) * spread * gradient_scale
        if memory is not None and entry.memory.observe:
            entry.memory.observe([memory], [weight], [weight.grad], 1.0)
        optimizer.step()
    return scores(entry, weight.detach(), optimizer.state[weight], memory=memory)


def masks(entry, gradient_scale):
    values = trained(entry, gradient_scale)
    return torch.stack([next(smallest([lambda: values], k)) for k in (400, 1000, 1600)])


INVARIANT = [(name, False) for name in NAMES if name != "bitter9"]


@pytest.mark.parametrize(("name", "normalise"), [*INVARIANT, ("bitter5", True), ("bitter9", True)])
def test_gradients_times_a_constant_leave_the_masks(name, normalise):
    entry = score(name, ADAMWPRUNE_NORMALISE=normalise)
    assert entry.is_scale_invariant
    assert torch.equal(masks(entry, 1.0), masks(entry, 1e-3))


def test_bitter9_as_documented_depends_on_the_scale_of_the_gradients():
    entry = score("bitter9")
    assert not entry.is_scale_invariant
    # At gradients of this size both of its terms count.
    assert not torch.equal(masks(entry, 1e5), masks(entry, 1e2))


def test_an_absolute_eps_would_not_pass_that_test():
    """What the scores avoid: bitter7 with the eps of its first code is nearly magnitude."""
    v = 5.5e-10 * torch.rand(SIZE, generator=torch.Generator().manual_seed(2))
    weight = torch.randn(SIZE, generator=torch.Generator().manual_seed(3))
    half = SIZE // 2
    by_size, *_ = smallest([lambda: weight.abs()], half)
    padded, *_ = smallest([lambda: weight.abs() * (v + 1e-8) ** 0.25], half)
    bitter7, *_ = smallest([lambda: scores(score("bitter7"), weight, {"exp_avg_sq": v})], half)
    assert int((padded & by_size).sum()) > 0.99 * half
    assert int((bitter7 & by_size).sum()) < 0.95 * half


@pytest.mark.parametrize(
    ("name", "exponent"),
    [
        ("magnitude", 1.0),
        ("bitter0", 2.0),
        ("bitter3", 0.5),
        ("bitter6", 0.5),
        ("bitter7", 0.5),
        ("bitter8", 0.5),
        ("obd", 0.0),
    ],
)
def test_rescaled_tensors_scale_their_scores_by_a_known_power(name, exponent):
    """w -> a w and g -> g / a leave the network as it is; only obd's ranking over tensors too."""
    a = 16.0
    generator = torch.Generator().manual_seed(4)
    weight, m = torch.randn(2, 500, generator=generator)
    v = torch.rand(500, generator=generator) + 0.1
    step = torch.tensor(3.0)
    entry = score(name)
    plain = view(entry, weight, {"exp_avg": m, "exp_avg_sq": v, "step": step})
    scaled = view(entry, a * weight, {"exp_avg": m / a, "exp_avg_sq": v / a**2, "step": step})
    torch.testing.assert_close(
        entry.compute(scaled), a**exponent * entry.compute(plain), rtol=1e-6, atol=0.0
    )


@pytest.mark.parametrize("name", ["magnitude", "bitter7", "obd", "salpha"])
def test_scores_without_m_do_not_see_the_noise_of_m(name):
    assert "exp_avg" not in score(name).reads


@pytest.mark.parametrize(("name", "expected"), [("bitter0", 0.78), ("bitter3", 0.80)])
def test_two_draws_of_m_change_the_masks_of_the_scores_that_read_it(name, expected):
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(20_000, generator=generator)
    v = torch.ones(20_000)
    drawn = []
    for _ in range(2):
        m = torch.randn(20_000, generator=generator)
        values = scores(score(name), weight, {"exp_avg": m, "exp_avg_sq": v})
        drawn.append(next(smallest([lambda values=values: values], 10_000)))
    assert int((drawn[0] & drawn[1]).sum()) / 10_000 == pytest.approx(expected, abs=0.03)


def test_two_draws_of_m_share_no_more_of_bitter5_than_chance():
    generator = torch.Generator().manual_seed(6)
    weight = 0.02 * torch.randn(20_000, generator=generator)
    drawn = []
    for _ in range(2):
        m = torch.randn(20_000, generator=generator)
        values = scores(score("bitter5"), weight, {"exp_avg": m, "exp_avg_sq": torch.ones(20_000)})
        drawn.append(next(smallest([lambda values=values: values], 10_000)))
    assert int((drawn[0] & drawn[1]).sum()) / 10_000 == pytest.approx(0.5, abs=0.02)
