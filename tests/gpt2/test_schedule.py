import math

from hypothesis import given
from hypothesis import strategies as st

from gpt2 import schedule
from lib.run_length import ByStep


def learning_rate(step, total, peak, warmup, floor):
    return schedule.learning_rate(ByStep(total, warmup), step, peak, floor)


def test_known_values():
    rates = [learning_rate(step, 12, 1.0, 3, 0.1) for step in range(1, 13)]
    assert rates[:3] == [0.25, 0.5, 0.75]
    assert rates[3] == 1.0
    assert math.isclose(rates[7], 0.55)
    assert math.isclose(rates[11], 0.1)


def test_without_warm_up_it_starts_at_the_peak():
    assert learning_rate(1, 10, 2.0, 0, 0.0) == 2.0


def test_one_step_after_the_warm_up_is_the_last_and_has_the_floor():
    assert learning_rate(4, 4, 1.0, 3, 0.1) == 0.1


@given(total=st.integers(2, 500), warmup=st.integers(0, 400), floor=st.floats(0, 1))
def test_rises_once_then_falls_to_the_floor(total, warmup, floor):
    warmup = min(warmup, total - 2)
    rates = [learning_rate(step, total, 1.0, warmup, floor) for step in range(1, total + 1)]
    rising, falling = rates[: warmup + 1], rates[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert max(rates) == 1.0
    assert min(rates) > 0 or floor == 0
    assert math.isclose(rates[-1], floor, abs_tol=1e-12)


@given(total=st.integers(1, 100), step=st.integers(1, 100))
def test_a_floor_at_the_peak_is_a_constant(total, step):
    assert learning_rate(min(step, total), total, 0.5, 0, 0.5) == 0.5
