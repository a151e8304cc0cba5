"""The scores of m and v one by one: divisions, signs, corrections, exponents."""

import pytest
import torch

from lib.pruning.scores import SCORES
from lib.pruning.scores.ratio import over_root
from lib.pruning.select import smallest
from tests.lib.pruning.scores.views import STATE, WEIGHT, score, scores


def drawn(size=3000):
    generator = torch.Generator().manual_seed(0)
    weight, m = torch.randn(2, size, generator=generator)
    v = torch.rand(size, generator=generator) * 1e-9
    return weight, {"exp_avg": m * 1e-5, "exp_avg_sq": v, "step": torch.tensor(7.0)}


def test_zero_over_zero_scores_zero():
    zero, one = torch.zeros(3), torch.tensor([0.0, 1.0])
    assert over_root(zero, zero).tolist() == [0.0] * 3
    for name in ("bitter0", "bitter6"):
        entry = score(name)
        assert (
            scores(entry, torch.ones(3), {"exp_avg": zero, "exp_avg_sq": zero}).tolist() == [0] * 3
        )
        assert scores(entry, torch.ones(2), {"exp_avg": one, "exp_avg_sq": one}).tolist() == [0, 1]
    for normalise in (False, True):
        entry = score("bitter5", ADAMWPRUNE_NORMALISE=normalise)
        found = scores(entry, torch.ones(3), {"exp_avg": zero, "exp_avg_sq": zero})
        assert found.tolist() == pytest.approx([0.1] * 3)


def test_a_vanished_v_divides_by_the_eps_of_the_tensor():
    state = {"exp_avg": torch.ones(2), "exp_avg_sq": torch.tensor([0.0, 2.0])}
    expected = [4.0 / 1e-12**0.5, 1.0 / 2**0.5]
    found = scores(score("bitter0"), torch.tensor([2.0, 1.0]), state)
    assert found.tolist() == pytest.approx(expected)


def test_bitter7_needs_v_and_not_only_the_weight():
    # v reverses the order of magnitudes; an eps far above v would restore it.
    state = {"exp_avg_sq": torch.tensor([1e-8, 1e-10])}
    found = scores(score("bitter7"), torch.tensor([0.1, 0.2]), state)
    assert found[0] > found[1]
    assert found.tolist() == pytest.approx([1e-3, 0.2 * 10**-2.5])


@pytest.mark.parametrize("step", [1.0, 10.0, 10_000.0])
def test_bitter8_ranks_as_bitter3_and_is_corrected(step):
    weight, state = drawn()
    plain = scores(score("bitter3"), weight, state)
    corrected = scores(score("bitter8"), weight, state | {"step": torch.tensor(step)})
    for k in (300, 1500, 2700):
        masks = [next(smallest([lambda s=s: s], k)) for s in (plain, corrected)]
        assert torch.equal(*masks)
    torch.testing.assert_close(corrected, plain / (1 - 0.9**step) ** 0.5)


def test_bitter1_2_and_4_are_the_functions_that_they_equal():
    assert SCORES["bitter1"].compute is SCORES["bitter2"].compute is SCORES["magnitude"].compute
    assert SCORES["bitter4"].compute is SCORES["bitter3"].compute


def test_bitter5_prunes_what_adam_moves_toward_zero():
    """Equal weights; the gradient descends, so m > 0 shrinks a positive weight."""
    weight = torch.tensor([1.0, 1.0, -1.0, -1.0])
    state = {"exp_avg": torch.tensor([1.0, -1.0, 1.0, -1.0]), "exp_avg_sq": torch.ones(4)}
    for name in ("bitter5", "bitter9"):
        shrinking, growing, rising, falling = scores(score(name), weight, state).tolist()
        assert shrinking == falling < growing == rising


def test_bitter5_as_documented_ranks_by_tz_alone_and_normalised_does_not():
    weight, state = drawn()
    weight = 0.02 * weight
    tz = over_root(weight.sign() * state["exp_avg"], state["exp_avg_sq"])
    by_tz, *_ = smallest([lambda: -tz], 1500)
    documented, *_ = smallest([lambda: scores(score("bitter5"), weight, state)], 1500)
    assert int((documented & by_tz).sum()) > 0.99 * 1500
    state |= {"exp_avg": torch.full_like(tz, 1e-5)}  # |w| may speak where tz is of equal size
    plain, scaled = (
        scores(score("bitter5", ADAMWPRUNE_NORMALISE=normalise), weight, state)
        for normalise in (False, True)
    )
    assert not torch.equal(plain.argsort(), scaled.argsort())


@pytest.mark.parametrize("name", ["bitter5", "bitter9"])
def test_normalised_terms_have_a_root_mean_square_of_one(name):
    entry = score(name, ADAMWPRUNE_NORMALISE=True)
    tz = over_root(WEIGHT.sign() * STATE["exp_avg"], STATE["exp_avg_sq"])
    other = WEIGHT.abs() if name == "bitter5" else scores(score("bitter3"))
    tz, other = (term / term.square().mean().sqrt() for term in (tz, other))
    expected = -tz + 0.1 * other if name == "bitter5" else other - 0.1 * tz
    torch.testing.assert_close(scores(entry), expected)


def test_salpha_meets_its_relatives():
    weight, state = drawn()
    for alpha, name in ((0.0, "magnitude"), (0.25, "bitter7")):
        found = scores(score("salpha", PRUNING_ALPHA=alpha), weight, state)
        assert torch.equal(found, scores(score(name), weight, state))
    half = scores(score("salpha", PRUNING_ALPHA=0.5), weight, state)
    masks = [
        next(smallest([lambda s=s: s], 1500)) for s in (half, scores(score("obd"), weight, state))
    ]
    assert torch.equal(*masks)


def test_salpha_below_zero_keeps_what_moves_least():
    state = {"exp_avg_sq": torch.tensor([4.0, 1.0, 0.0, 1.0])}
    entry = score("salpha", PRUNING_ALPHA=-0.5)
    expected = [0.5, 1.0, 1.0 / (1e-12 * 1.5) ** 0.5, 0.0]
    assert scores(entry, torch.tensor([1.0, -1.0, 1.0, 0.0]), state).tolist() == pytest.approx(
        expected
    )


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), float("-inf")])
def test_an_alpha_that_is_not_finite_is_refused(alpha):
    with pytest.raises(ValueError, match=f"PRUNING_ALPHA={alpha} is no exponent; set it to a"):
        score("salpha", PRUNING_ALPHA=alpha)
