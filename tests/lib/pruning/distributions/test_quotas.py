from fractions import Fraction

import pytest

from lib.pruning.distributions import pruned_total, shares
from lib.pruning.distributions.quotas import filled, rounded


@pytest.mark.parametrize(
    ("sparsity", "size", "count"),
    [(0.4, 17, 7), (0.5, 5, 2), (0.5, 7, 4), (0.5, 84_934_656, 42_467_328), (0.0, 9, 0)],
)
def test_counts_round_half_to_even(sparsity, size, count):
    assert pruned_total(sparsity, size) == count


def test_the_largest_remainder_gets_the_rest_and_ties_go_to_the_first():
    assert shares([5, 5], [0, 0], 5) == [3, 2]
    assert shares([5, 5, 5], [0, 0, 0], 8) == [3, 3, 2]
    assert shares([3, 7], [0, 0], 4) == [1, 3]


def test_a_tensor_beyond_its_share_keeps_it_and_the_others_make_up():
    assert shares([10, 10, 10], [9, 0, 0], 15) == [9, 3, 3]
    # The first clamp lowers the others' share below what the second tensor has.
    assert shares([10, 10, 10], [8, 4, 0], 14) == [8, 4, 2]


def test_empty_tensors_get_nothing():
    assert shares([0, 4, 0], [0, 0, 0], 2) == [0, 2, 0]
    assert shares([0], [0], 0) == [0]


def test_bounds_hold_on_both_sides():
    # 10 over slopes 1, 2, 7 would be 1, 2, 7; the bounds leave 10 - 3 - 4 to the second.
    assert filled([1, 2, 7], [3, 0, 0], [9, 9, 4], 10) == [3, 3, 4]
    assert filled([1, 1], [0, 0], [5, 5], 10) == [5, 5]
    assert filled([1, 1], [2, 3], [5, 5], 5) == [2, 3]


def test_exact_thirds_lose_nothing_to_rounding():
    wanted = filled([1, 1, 1], [0, 0, 0], [9, 9, 9], 10)
    assert wanted == [Fraction(10, 3)] * 3
    assert rounded(wanted, 10) == [4, 3, 3]
