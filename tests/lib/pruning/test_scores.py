import pytest
import torch

from lib.pruning.scores import SCORES, keep_scores
from lib.pruning.select import smallest

WEIGHT = torch.tensor([0.1, -0.9, 0.2, -0.5])
STATE = {
    "exp_avg": torch.tensor([0.5, -0.2, -0.1, 0.4]),
    "exp_avg_sq": torch.tensor([25.0, 1.0, 9.0, 0.25]),
}


def score(name, weight=WEIGHT, state=STATE):
    return keep_scores(SCORES[name], "blocks.0.up", weight, state)


@pytest.mark.parametrize(
    ("name", "expected", "pruned"),
    [
        ("bitter0", [0.001, 0.162, 0.001333, 0.2], [0, 2]),
        ("bitter1", [0.1, 0.9, 0.2, 0.5], [0, 2]),
        ("magnitude", [0.1, 0.9, 0.2, 0.5], [0, 2]),
        ("bitter7", [0.223607, 0.9, 0.346410, 0.353553], [0, 2]),
    ],
)
def test_fixture(name, expected, pruned):
    scores = score(name)
    assert scores.tolist() == pytest.approx(expected, abs=5e-7)
    (mask,) = smallest([lambda: scores], 2)
    assert mask.nonzero().flatten().tolist() == pruned


def test_bitter7_needs_v_and_not_only_the_weight():
    # v reverses the order of magnitudes; an eps far above v would restore it.
    weight = torch.tensor([0.1, 0.2])
    v = torch.tensor([1e-8, 1e-10])
    scores = score("bitter7", weight, {"exp_avg_sq": v})
    assert scores[0] > scores[1]
    assert scores.tolist() == pytest.approx([1e-3, 0.2 * 10**-2.5])


@pytest.mark.parametrize("name", sorted(SCORES))
def test_gradients_times_a_constant_leave_the_ranking(name):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(1000, generator=generator)
    m = torch.randn(1000, generator=generator) * 1e-5
    v = torch.rand(1000, generator=generator) * 1e-9
    # A power of two, so that only an eps and not rounding can change the order.
    scale = 2.0**-10
    plain = score(name, weight, {"exp_avg": m, "exp_avg_sq": v})
    scaled = score(name, weight, {"exp_avg": m * scale, "exp_avg_sq": v * scale**2})
    assert torch.equal(plain.argsort(stable=True), scaled.argsort(stable=True))


def test_zero_over_zero_scores_zero():
    zero = torch.zeros(3)
    assert (
        score("bitter0", torch.ones(3), {"exp_avg": zero, "exp_avg_sq": zero}).tolist() == [0] * 3
    )
    state = {"exp_avg": torch.tensor([0.0, 1.0]), "exp_avg_sq": torch.tensor([0.0, 1.0])}
    assert score("bitter0", torch.ones(2), state).tolist() == [0.0, 1.0]


def test_a_vanished_v_divides_by_the_eps_of_the_tensor():
    state = {"exp_avg": torch.ones(2), "exp_avg_sq": torch.tensor([0.0, 2.0])}
    expected = [4.0 / 1e-12**0.5, 1.0 / 2**0.5]
    assert score("bitter0", torch.tensor([2.0, 1.0]), state).tolist() == pytest.approx(expected)


def test_scores_read_only_what_they_declare():
    reads = {name: entry.reads for name, entry in SCORES.items()}
    assert reads == {
        "magnitude": (),
        "bitter0": ("exp_avg", "exp_avg_sq"),
        "bitter1": (),
        "bitter7": ("exp_avg_sq",),
    }
    for name, entry in SCORES.items():
        score(name, state={key: STATE[key] for key in entry.reads})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused_by_name(bad):
    weight = WEIGHT.clone()
    weight[2] = bad
    with pytest.raises(ValueError, match=r"\|w\| of blocks.0.up is not finite; the run has"):
        score("magnitude", weight)
    v = STATE["exp_avg_sq"].clone()
    v[0] = bad
    with pytest.raises(ValueError, match="blocks.0.up is not finite"):
        score("bitter7", state={"exp_avg_sq": v})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", sorted(SCORES))
def test_scores_are_single_precision_for_every_dtype_and_layout(name, dtype):
    weight = torch.randn(6, 4).to(dtype).t()
    state = {key: torch.rand(6, 4).to(dtype).t() for key in STATE}
    scores = score(name, weight, state)
    assert (scores.dtype, scores.shape) == (torch.float32, weight.shape)
    assert score(name, torch.ones(0, 3), {key: torch.ones(0, 3) for key in STATE}).shape == (0, 3)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_scoring_changes_neither_weight_nor_state(name):
    weight, state = WEIGHT.clone(), {key: value.clone() for key, value in STATE.items()}
    score(name, weight, state).fill_(7.0)
    assert torch.equal(weight, WEIGHT)
    assert all(torch.equal(state[key], STATE[key]) for key in STATE)
