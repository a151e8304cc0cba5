import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scripts.report.statistics import Estimate, deviation, paired, t_probability, t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 8, 30, 99, 500])
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.995, 0.9999])
def test_t_quantile_agrees_with_scipy(freedom, probability):
    expected = stats.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-9)


@given(st.floats(0, 50), st.integers(1, 200))
def test_t_probability_agrees_with_scipy(t, freedom):
    expected = 2 * stats.t.cdf(t, freedom) - 1
    assert t_probability(t, freedom) == pytest.approx(expected, abs=1e-12)


VALUES = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=12)


@given(VALUES)
def test_interval_agrees_with_scipy(values):
    estimate = Estimate(tuple(values))
    error = stats.sem(values)
    if error < 1e-9:
        return
    low, high = stats.t.interval(0.95, len(values) - 1, loc=estimate.mean, scale=error)
    assert estimate.bounds == pytest.approx((low, high), rel=1e-7, abs=1e-7)


def test_one_value_has_no_spread():
    estimate = Estimate((2.0,))
    assert (estimate.mean, estimate.bounds, estimate.half_width) == (2.0, None, None)
    assert not estimate.excludes_zero


def test_two_values_have_a_range_and_no_interval():
    estimate = Estimate((3.0, 1.0))
    assert (estimate.mean, estimate.bounds, estimate.half_width) == (2.0, (1.0, 3.0), None)
    assert not Estimate((5.0, 5.1)).excludes_zero


def test_nothing_has_no_mean():
    assert Estimate(()).mean is None
    assert Estimate(()).bounds is None


def test_interval_excludes_zero_only_where_it_does():
    assert Estimate((1.0, 1.1, 0.9)).excludes_zero
    assert Estimate((-1.0, -1.1, -0.9)).excludes_zero
    assert not Estimate((1.0, -1.1, 0.9)).excludes_zero


def test_pairs_are_of_equal_seed():
    difference = paired({1: 5.0, 2: 7.0, 3: 1.0}, {2: 6.0, 1: 3.0, 9: 0.0})
    assert difference.values == (2.0, 1.0)


def test_pairing_removes_what_the_seeds_share():
    noise = [0.0, 10.0, -4.0, 3.0]
    arm = {seed: 1.0 + value for seed, value in enumerate(noise)}
    other = dict(enumerate(noise))
    assert paired(arm, other).half_width == pytest.approx(0, abs=1e-12)
    assert deviation(noise) == pytest.approx(math.sqrt(stats.tvar(noise)))
