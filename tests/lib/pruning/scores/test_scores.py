"""The documented formulas on a fixture worked out by hand, and what holds for every score."""

import pytest
import torch

from lib.pruning.scores import DOCUMENTED, SCORES
from lib.pruning.select import smallest
from tests.lib.pruning.scores.views import NAMES, STATE, WEIGHT, score, scores, view

FIXTURE = [
    ("magnitude", [0.1, 0.9, 0.2, 0.5], [0, 2]),
    ("bitter0", [0.001, 0.162, 0.001333, 0.2], [0, 2]),
    ("bitter1", [0.1, 0.9, 0.2, 0.5], [0, 2]),
    ("bitter2", [0.1, 0.9, 0.2, 0.5], [0, 2]),
    ("bitter3", [0.070711, 0.402492, 0.063246, 0.316228], [0, 2]),
    ("bitter4", [0.070711, 0.402492, 0.063246, 0.316228], [0, 2]),
    # The other sign of tz gives .11 .29 -.013333 -.75 and prunes 2 and 3.
    ("bitter5", [-0.09, -0.11, 0.053333, 0.85], [0, 1]),
    ("bitter6", [0.007071, 0.080498, 0.002108, 0.252982], [0, 2]),
    ("bitter7", [0.223607, 0.9, 0.346410, 0.353553], [0, 2]),
    ("bitter8", [0.087617, 0.498723, 0.078367, 0.391834], [0, 2]),
    ("bitter9", [0.060711, 0.382492, 0.066579, 0.396228], [0, 2]),
    # Also the test of JaxPruner's adam-fisher.
    ("obd", [0.25, 0.81, 0.36, 0.0625], [0, 3]),
    ("salpha", [0.149535, 0.9, 0.263215, 0.420448], [0, 2]),
]


def pruned(values, k):
    (mask,) = smallest([lambda: values], k)
    return mask.nonzero().flatten().tolist()


@pytest.mark.parametrize(("name", "expected", "indices"), FIXTURE)
def test_fixture(name, expected, indices):
    values = scores(score(name))
    assert values.tolist() == pytest.approx(expected, abs=5.01e-7)
    assert pruned(values, 2) == indices


def test_the_fixture_has_every_score_of_moments():
    without_moments = {"movement", "movement-displacement", "random"}
    assert {name for name, *_ in FIXTURE} == set(DOCUMENTED) - without_moments


@pytest.mark.parametrize(("size", "share", "count"), [(17, 0.4, 7), (5, 0.5, 2), (7, 0.5, 4)])
def test_bitter1_is_the_l1_pruning_of_torch(size, share, count):
    from torch.nn.utils import prune

    layer = torch.nn.Linear(size, 1, bias=False)
    torch.manual_seed(size)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(1, size))
    values = scores(score("bitter1"), layer.weight.detach().clone())
    prune.l1_unstructured(layer, "weight", amount=share)
    (mask,) = smallest([lambda: values], count)
    assert int(mask.sum()) == count
    assert torch.equal(mask, layer.weight_mask == 0)


def test_bitter1_over_two_tensors_is_the_global_pruning_of_torch():
    from torch.nn.utils import prune

    generator = torch.Generator().manual_seed(3)
    layers = [torch.nn.Linear(7, 5, bias=False), torch.nn.Linear(4, 6, bias=False)]
    with torch.no_grad():
        for scale, layer in zip((1.0, 0.3), layers, strict=True):
            layer.weight.copy_(scale * torch.randn(layer.weight.shape, generator=generator))
    copies = [layer.weight.detach().clone() for layer in layers]
    makers = [lambda weight=weight: scores(score("bitter1"), weight) for weight in copies]
    masks = list(smallest(makers, 30))
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=30
    )
    for mask, layer in zip(masks, layers, strict=True):
        assert torch.equal(mask, layer.weight_mask == 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_fills_the_tables(name):
    entry = DOCUMENTED[name]
    for text in (entry.formula, entry.source, entry.equals, entry.weakness):
        assert text, name
        assert text.isascii()


def test_scores_read_only_what_they_declare():
    both = ("exp_avg", "exp_avg_sq")
    assert {name: entry.reads for name, entry in DOCUMENTED.items()} == {
        "magnitude": (),
        "movement": (),
        "movement-displacement": (),
        "random": (),
        "obd": ("exp_avg_sq",),
        "salpha": ("exp_avg_sq",),
        "bitter0": both,
        "bitter1": (),
        "bitter2": (),
        "bitter3": ("exp_avg",),
        "bitter4": ("exp_avg",),
        "bitter5": both,
        "bitter6": both,
        "bitter7": ("exp_avg_sq",),
        "bitter8": ("exp_avg", "step"),
        "bitter9": both,
    }
    assert set(DOCUMENTED) == set(SCORES) | {"salpha"}
    for name in NAMES:
        scores(score(name))  # the view holds nothing else


def test_unknown_names_are_refused_with_a_near_one():
    with pytest.raises(ValueError, match="no keep score 'biter3'; did you mean bitter3"):
        score("biter3")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"random", "movement"}))
def test_scores_that_are_not_finite_are_refused_by_name(name, bad):
    weight = WEIGHT.clone()
    weight[2] = bad
    with pytest.raises(ValueError, match="of blocks.0.up is not finite; the run has"):
        scores(score(name), weight)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["bitter7", "obd", "salpha"])
def test_moments_that_are_not_finite_are_refused_by_name(name, bad):
    v = STATE["exp_avg_sq"].clone()
    v[0] = bad
    with pytest.raises(ValueError, match="of blocks.0.up is not finite"):
        scores(score(name), state=STATE | {"exp_avg_sq": v})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_single_precision_for_every_dtype_and_layout(name, dtype):
    weight = torch.randn(6, 4).to(dtype).t()
    state = {key: torch.rand(6, 4).to(dtype).t() for key in ("exp_avg", "exp_avg_sq")}
    state["step"] = STATE["step"]
    values = scores(score(name), weight, state)
    assert (values.dtype, values.shape) == (torch.float32, weight.shape)
    empty = {key: torch.ones(0, 3) for key in ("exp_avg", "exp_avg_sq")} | {"step": STATE["step"]}
    assert scores(score(name), torch.ones(0, 3), empty).shape == (0, 3)


@pytest.mark.parametrize("name", NAMES)
def test_scoring_changes_nothing_and_gives_the_same_bits_again(name):
    entry = score(name)
    weight, state = WEIGHT.clone(), {key: value.clone() for key, value in STATE.items()}
    seen = view(entry, weight, state)
    memory = None if seen.memory is None else seen.memory.clone()
    first = entry.compute(seen)
    kept = first.clone()
    first.fill_(7.0)  # the engine writes into the scores it gets
    assert torch.equal(entry.compute(seen), kept)
    assert torch.equal(weight, WEIGHT)
    assert all(torch.equal(state[key], STATE[key]) for key in STATE)
    assert memory is None or torch.equal(seen.memory, memory)


@pytest.mark.parametrize("name", NAMES)
def test_no_score_draws_from_the_training_stream(name):
    before = torch.get_rng_state()
    scores(score(name))
    assert torch.equal(torch.get_rng_state(), before)


READING_V = [name for name in NAMES if "exp_avg_sq" in score(name).reads]


@pytest.mark.parametrize("name", [*READING_V, "salpha"])
@pytest.mark.parametrize("normalise", [False, True])
def test_an_overflowed_second_moment_is_refused_and_not_pruned_by_position(name, normalise):
    """Divided by an infinite v every weight scores 0, so that the first k would go."""
    entry = score(name, ADAMWPRUNE_NORMALISE=normalise, PRUNING_ALPHA=-0.5)
    state = STATE | {"exp_avg_sq": torch.tensor([25.0, torch.inf, 9.0, 0.25])}
    with pytest.raises(ValueError, match="blocks.0.up is not finite.*moments overflow"):
        scores(entry, state=state)


def test_terms_too_large_to_be_weighed_are_refused():
    entry = score("bitter9", ADAMWPRUNE_NORMALISE=True)
    with pytest.raises(ValueError, match="is not finite"):
        scores(entry, weight=WEIGHT * 1e25)
