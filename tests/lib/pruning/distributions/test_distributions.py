"""The four distributions on GPT-2 124M, and what holds for each of them anywhere."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.pruning.distributions import DISTRIBUTIONS, Place, Population, pruned_total
from lib.pruning.distributions.depth import factors

# The 48 block matrices: query-key-value, projection, and the two of the feed-forward.
SHAPES = {"qkv": (2304, 768), "proj": (768, 768), "up": (3072, 768), "down": (768, 3072)}
GPT2 = [
    Place(f"blocks.{block}.{name}.weight", shape, shape[0] * shape[1])
    for block in range(12)
    for name, shape in SHAPES.items()
]
N = 84_934_656


def places(*sizes):
    return [Place(f"blocks.{i}.up", (1, size), size) for i, size in enumerate(sizes)]


def sparsities(distribution, sparsity):
    """Sparsity by tensor of fresh GPT-2 124M at one event."""
    populations = DISTRIBUTIONS[distribution](GPT2, [0] * 48, pruned_total(sparsity, N))
    return [p.quota / GPT2[i].units for i, p in enumerate(populations)]


def test_uniform_gives_every_tensor_its_share():
    assert DISTRIBUTIONS["uniform"](places(10, 30, 20), [0, 0, 0], 30) == [
        Population((0,), 5),
        Population((1,), 15),
        Population((2,), 10),
    ]


def test_global_is_one_population():
    assert DISTRIBUTIONS["global"](places(10, 30), [1, 2], 20) == [Population((0, 1), 20)]


@pytest.mark.parametrize(
    ("sparsity", "densities"),
    [
        (0.5, (0.5, 0.75, 0.46875, 0.46875)),
        (0.9, (0.10, 0.15, 0.09375, 0.09375)),
        # The projection is capped at 1, and e is solved again without it.
        (0.3, (0.704762, 1.0, 0.660714, 0.660714)),
    ],
)
def test_erk_known_answers(sparsity, densities):
    found = [1 - s for s in sparsities("erk", sparsity)]
    # A weight of the smallest tensor is 1.7e-6 of it.
    assert found == pytest.approx(list(densities) * 12, abs=2e-6)


def test_erk_never_asks_for_more_than_is_live_and_the_others_make_up():
    square = [Place("blocks.0.a", (4, 4), 16), Place("blocks.0.b", (4, 4), 16)]
    assert DISTRIBUTIONS["erk"](square, [12, 0], 16) == [Population((0,), 12), Population((1,), 4)]


def by_block(distribution, sparsity):
    found = sparsities(distribution, sparsity)
    blocks = [found[4 * block : 4 * block + 4] for block in range(12)]
    assert all(max(block) - min(block) < 1e-5 for block in blocks)
    return [block[0] for block in blocks]


def test_depth_known_answer_at_a_half():
    expected = [0.35, 0.3773, 0.4045, 0.4318, 0.4591, 0.4864]
    expected += [0.5136, 0.5409, 0.5682, 0.5955, 0.6227, 0.65]
    assert by_block("depth", 0.5) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("sparsity", "c", "capped"), [(0.8, 1.0210396, 3), (0.9, 1.1398253, 7)])
def test_depth_solves_c_again_where_late_blocks_are_capped(sparsity, c, capped):
    found = by_block("depth", sparsity)
    ramp = [c * sparsity * (0.7 + 0.6 * block / 11) for block in range(12)]
    assert found[: 12 - capped] == pytest.approx(ramp[: 12 - capped], abs=2e-6)
    assert found[12 - capped :] == pytest.approx([0.95] * capped, abs=2e-6)
    assert all(s > 0.95 for s in ramp[12 - capped :])


def test_depth_beyond_its_cap_is_uniform():
    assert by_block("depth", 0.97) == pytest.approx([0.97] * 12, abs=2e-6)


def test_depth_of_tensors_without_a_block_is_the_mean():
    names = ["token_embedding.weight", "blocks.0.up", "blocks.1.up", "blocks.10.blocks.3.up"]
    assert factors(names) == [1, Fraction(7, 10), Fraction(76, 100), Fraction(13, 10)]
    assert factors(["blocks.0.up", "blocks.0.down"]) == [1, 1]


@st.composite
def situations(draw):
    shapes = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8))
    found = [
        Place(f"blocks.{i // 2}.{i}", shape, shape[0] * shape[1]) for i, shape in enumerate(shapes)
    ]
    pruned = [draw(st.integers(0, place.units)) for place in found]
    return found, pruned, draw(st.integers(sum(pruned), sum(place.units for place in found)))


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
@settings(deadline=None)  # a busy machine is no failure
@given(situation=situations())
def test_quotas_are_possible_monotone_and_exact(name, situation):
    found, pruned, total = situation
    populations = DISTRIBUTIONS[name](found, pruned, total)
    assert sum(population.quota for population in populations) == total
    covered = [position for population in populations for position in population.tensors]
    assert covered == list(range(len(found)))
    for population in populations:
        before = sum(pruned[position] for position in population.tensors)
        units = sum(found[position].units for position in population.tensors)
        assert before <= population.quota <= units


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
@settings(deadline=None)  # a busy machine is no failure
@given(situation=situations())
def test_one_event_after_another_never_takes_back(name, situation):
    """The quotas of an event are what the next one finds pruned."""
    found, _, total = situation
    pruned = [0] * len(found)
    for share in (total // 3, total // 2, total):
        populations = DISTRIBUTIONS[name](found, pruned, share)
        if name != "global":
            assert all(p.quota >= before for p, before in zip(populations, pruned, strict=True))
            pruned = [population.quota for population in populations]


@settings(deadline=None)  # a busy machine is no failure
@given(situation=situations())
def test_fresh_tensors_are_within_one_weight_of_the_common_sparsity(situation):
    found, _, total = situation
    size = sum(place.units for place in found)
    populations = DISTRIBUTIONS["uniform"](found, [0] * len(found), total)
    for place, population in zip(found, populations, strict=True):
        exact = total * place.units / size if size else 0
        assert abs(population.quota - exact) < 1
