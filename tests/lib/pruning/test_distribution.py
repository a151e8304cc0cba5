import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.pruning.distribution import (
    DISTRIBUTIONS,
    Population,
    one_population,
    pruned_total,
    shares,
    uniform,
)


@pytest.mark.parametrize(
    ("sparsity", "size", "count"),
    [(0.4, 17, 7), (0.5, 5, 2), (0.5, 7, 4), (0.5, 84_934_656, 42_467_328), (0.0, 9, 0)],
)
def test_counts_round_half_to_even(sparsity, size, count):
    assert pruned_total(sparsity, size) == count


def test_uniform_gives_every_tensor_its_share():
    assert uniform([10, 30, 20], [0, 0, 0], 30) == [
        Population((0,), 5),
        Population((1,), 15),
        Population((2,), 10),
    ]


def test_the_largest_remainder_gets_the_rest_and_ties_go_to_the_first():
    assert shares([5, 5], [0, 0], 5) == [3, 2]
    assert shares([5, 5, 5], [0, 0, 0], 8) == [3, 3, 2]
    assert shares([7, 3], [0, 0], 4) == [3, 1]


def test_a_tensor_beyond_its_share_keeps_it_and_the_others_make_up():
    assert shares([10, 10, 10], [9, 0, 0], 15) == [9, 3, 3]
    # The first clamp lowers the others' share below what the second tensor has.
    assert shares([10, 10, 10], [8, 4, 0], 14) == [8, 4, 2]


def test_global_is_one_population():
    assert one_population([10, 30], [1, 2], 20) == [Population((0, 1), 20)]


def test_empty_tensors_get_nothing():
    assert shares([0, 4, 0], [0, 0, 0], 2) == [0, 2, 0]
    assert shares([0], [0], 0) == [0]


@st.composite
def situations(draw):
    sizes = draw(st.lists(st.integers(0, 50), min_size=1, max_size=8))
    pruned = [draw(st.integers(0, size)) for size in sizes]
    return sizes, pruned, draw(st.integers(sum(pruned), sum(sizes)))


@settings(deadline=None)  # a busy machine is no failure
@given(situations())
def test_quotas_are_possible_monotone_and_exact(situation):
    sizes, pruned, total = situation
    quotas = shares(sizes, pruned, total)
    assert sum(quotas) == total
    for size, before, quota in zip(sizes, pruned, quotas, strict=True):
        assert before <= quota <= size


@settings(deadline=None)  # a busy machine is no failure
@given(situations())
def test_fresh_tensors_are_within_one_weight_of_the_common_sparsity(situation):
    sizes, _, total = situation
    for size, quota in zip(sizes, shares(sizes, [0] * len(sizes), total), strict=True):
        exact = total * size / sum(sizes) if size else 0
        assert abs(quota - exact) < 1


@settings(deadline=None)  # a busy machine is no failure
@given(situations())
def test_every_distribution_covers_each_tensor_once(situation):
    sizes, pruned, total = situation
    for distribute in DISTRIBUTIONS.values():
        populations = distribute(sizes, pruned, total)
        assert sum(population.quota for population in populations) == total
        covered = [position for population in populations for position in population.tensors]
        assert covered == list(range(len(sizes)))
