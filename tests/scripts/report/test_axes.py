import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.report.axes import perplexity_ticks, short_count


@given(st.floats(1.001, 1e5), st.floats(1.01, 1e4))
def test_ticks_lie_inside_and_are_few_and_enough(low, ratio):
    high = low * ratio
    ticks = perplexity_ticks(low, high)
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= 14


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(3, 50_000, [10, 100, 1000, 10_000]), (5.1, 5.7, [5.2, 5.4, 5.6])],
)
def test_ticks_are_round(low, high, expected):
    assert perplexity_ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (300, "300"), (9000, "9,000"), (15_000, "15k"), (614_400, "614.4k"), (2e9, "2B")],
)
def test_short_count(value, expected):
    assert short_count(value) == expected
