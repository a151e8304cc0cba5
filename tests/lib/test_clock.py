import pytest

from lib.clock import Clock, Durations


def test_categories_add_up_and_nest():
    clock = Clock()
    with clock.measure("train"), clock.measure("data"):
        pass
    clock.add("data", 2.0)
    assert clock.seconds["data"] >= 2.0
    assert 0 <= clock.seconds["train"] < 1.0


def test_a_failing_block_is_measured_too():
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.measure("train"):
        _ = 1 / 0
    assert "train" in clock.seconds


def test_the_warm_up_is_left_out():
    durations = Durations()
    for seconds in [100.0] * 10 + [1.0] * 90:
        durations.add(seconds)
    assert durations.quantile_ms(0.5) == 1e3
    assert durations.quantile_ms(0.99) == 1e3
    assert len(durations.warmed_up()) == 90


def test_few_events_lose_a_tenth_and_none_give_nothing():
    durations = Durations()
    assert durations.quantile_ms(0.5) is None
    for seconds in range(1, 21):
        durations.add(float(seconds))
    assert durations.warmed_up() == [float(second) for second in range(3, 21)]
