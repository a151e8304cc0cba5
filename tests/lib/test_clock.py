import time

import pytest

from lib.clock import Clock, Durations


def test_categories_add_up_and_nest():
    clock = Clock(0.0)
    with clock.measure("train"), clock.measure("data"):
        pass
    clock.add("data", 2.0)
    assert clock.seconds["data"] >= 2.0
    assert 0 <= clock.seconds["train"] < 1.0


def test_a_failing_block_is_measured_too():
    clock = Clock(0.0)
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


def test_a_resumed_clock_goes_on():
    first = Clock(time.perf_counter() - 100)
    first.add("train", 60.0)
    second = Clock(time.perf_counter() - 10)
    second.add("startup", 2.0)
    second.load_state_dict(first.state_dict())
    second.add("train", 5.0)
    assert second.seconds == {"train": 65.0, "startup": 2.0}
    assert second.attempt_s() == pytest.approx(10, abs=1)
    assert second.total_s() == pytest.approx(110, abs=1)


def test_each_attempt_warms_up():
    first, second = Durations(), Durations()
    for seconds in [100.0] * 10 + [1.0] * 90:
        first.add(seconds)
    second.load_state_dict(first.state_dict())
    for seconds in [100.0] * 10 + [2.0] * 110:
        second.add(seconds)
    assert sorted(second.warmed_up()) == [1.0] * 90 + [2.0] * 110


def test_estimates_follow_the_latest_events():
    durations = Durations()
    for _ in range(Durations.WARM_UP):
        durations.add(100.0)
    assert durations.recent_ms() is None
    for seconds in [1.0] * 200 + [3.0] * Durations.RECENT:
        durations.add(seconds)
    assert durations.recent_ms() == 3e3
