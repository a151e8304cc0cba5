"""How far a run is, with a clock that the tests turn."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.run_length import ByStep, ByTime


class Run:
    """Takes steps until its length says that it is over; keeps what the length said."""

    def __init__(self, seconds: float, durations, **options):
        self.now = 0.0
        self.durations = durations
        self.length = ByTime(seconds, lambda: self.now, **options)
        self.step = 0
        self.fractions: list[float] = []
        self.rising: list[float | None] = []
        self.decays: list[float] = []

    def take(self):
        self.step += 1
        self.length.begin(self.step)
        rising = self.length.warm_up(self.step)
        self.rising.append(None if rising is None else rising[0] / rising[1])
        self.decays.append(self.length.decay(self.step))
        self.fractions.append(self.length.fraction)
        self.now += self.durations(self.step)

    def go(self, steps: int | None = None):
        while self.step != self.length.last_step and steps != self.step:
            self.take()
        return self


durations = st.lists(st.floats(0.01, 3.0), min_size=1, max_size=12)


@given(seconds=st.floats(0.5, 60.0), table=durations, warm_up=st.integers(0, 5))
def test_whatever_the_speed_it_ends_on_time_and_at_the_floor(seconds, table, warm_up):
    run = Run(seconds, lambda step: table[step % len(table)], warm_up_steps=warm_up).go()
    longest = max(table)
    assert seconds - 2 * longest < run.now < seconds + 2 * longest
    assert run.fractions[-1] == 1.0 == run.decays[-1]
    assert run.rising[-1] is None
    assert all(0.0 <= fraction < 1.0 for fraction in run.fractions[:-1])
    assert all(before <= after for before, after in pairwise(run.fractions))
    after = [d for d, rising in zip(run.decays, run.rising, strict=True) if rising is None]
    assert all(0.0 <= one <= other for one, other in pairwise(after))


@pytest.mark.parametrize("warm_up", [0, 7])
def test_at_an_even_speed_it_is_a_run_by_steps(warm_up):
    run = Run(25.0, lambda step: 0.125, warm_up_steps=warm_up).go()
    assert run.step == 200
    steps = ByStep(200, warm_up)
    for step in range(1, 201):
        steps.begin(step)
        rising = steps.warm_up(step)
        assert run.rising[step - 1] == (None if rising is None else rising[0] / rising[1])
        # The time of a step is not known in the first few.
        assert math.isclose(run.fractions[step - 1], steps.fraction, abs_tol=2e-4)
        if rising is None:
            assert math.isclose(run.decays[step - 1], steps.decay(step), abs_tol=2e-4)


def test_a_run_that_becomes_slower_still_decays_to_the_end():
    """A schedule by the steps that the first ones promised would be half way."""
    run = Run(20.0, lambda step: 0.1 if step < 100 else 0.4).go()
    assert run.step == pytest.approx(124, abs=2)
    assert run.decays[-2] > 0.97
    faster = Run(20.0, lambda step: 0.4 if step < 25 else 0.1).go()
    assert faster.step == pytest.approx(128, abs=2)
    assert faster.decays[-2] > 0.97


def test_a_slow_first_step_says_nothing_of_the_others():
    assert Run(10.0, lambda step: 8.0 if step == 1 else 0.1).go().step == pytest.approx(21, abs=1)


def test_a_time_shorter_than_a_step_gives_one_more_at_the_floor():
    run = Run(1.0, lambda step: 5.0).go()
    assert (run.step, run.decays[-1]) == (2, 1.0)


def test_a_share_of_the_time_as_warm_up_is_that_share_of_the_steps():
    run = Run(25.0, lambda step: 0.125, warm_up_steps=None, warm_up_share=0.1).go()
    steps = ByStep(200, 20)
    for step in range(5, 30):
        rising = steps.warm_up(step)
        expected = None if rising is None else rising[0] / rising[1]
        assert run.rising[step - 1] == pytest.approx(expected)
    assert 0 < run.rising[0] <= run.rising[1] <= run.rising[2]


def test_a_limit_of_steps_ends_it_and_the_schedule_follows_what_is_nearer():
    run = Run(100.0, lambda step: 0.1, most_steps=11).go()
    assert run.step == 11
    assert run.fractions == [step / 10 for step in range(11)]
    assert Run(1.0, lambda step: 0.125, most_steps=1000).go().step == 8
    assert Run(100.0, lambda step: 0.1, most_steps=1).go().fractions == [1.0]


@pytest.mark.parametrize("stop", [1, 3, 5, 50, 198, 199])
def test_a_continued_run_goes_on_with_the_time_that_was_used(stop):
    straight = Run(25.0, lambda step: 0.125 if step % 3 else 0.25, warm_up_steps=7).go()
    first = Run(25.0, straight.durations, warm_up_steps=7).go(min(stop, straight.step - 1))
    again = Run(25.0, straight.durations, warm_up_steps=7)
    again.now, again.step = first.now, first.step
    again.length.load_state_dict(first.length.state_dict())
    again.go()
    assert abs(again.step - straight.step) <= 1
    assert again.fractions == pytest.approx(straight.fractions[first.step :], abs=5e-3)
    assert again.decays == pytest.approx(straight.decays[first.step :], abs=5e-3)


def test_a_run_that_was_stopped_after_its_last_step_is_over():
    run = Run(3.0, lambda step: 0.125).go()
    again = ByTime(3.0, lambda: run.now)
    again.load_state_dict(run.length.state_dict())
    assert again.last_step == run.step == 24
    assert again.left_s(125.0, run.step) == 0.0


def test_what_is_left_is_time_and_near_the_end_the_clock_must_be_true():
    run = Run(10.0, lambda step: 0.125).go(40)
    assert run.length.left_s(None, 40) == 5.0
    assert not run.length.is_near_end
    assert run.length.place(40) == "step 40, 5 of 10 s"
    run.go(75)
    assert run.length.is_near_end
    limited = Run(10.0, lambda step: 0.125, most_steps=48).go(40)
    assert limited.length.left_s(125.0, 40) == 1.0


def test_shares_of_a_run_pass_with_its_time():
    run = Run(10.0, lambda step: 0.125).go(20)
    assert not run.length.has_passed(0.25, 20)
    assert run.go(22).length.has_passed(0.25, 22)
    assert [ByStep(10).has_passed(0.25, done) for done in (2, 3)] == [False, True]


@given(total=st.integers(1, 300), warm_up=st.integers(0, 300), step=st.integers(1, 300))
def test_a_run_by_steps_has_the_bits_of_its_formula(total, warm_up, step):
    """Written down once more: published runs depend on every bit of it."""
    step = min(step, total)
    length, index = ByStep(total, warm_up), step - 1
    rising = length.warm_up(step)
    if index < warm_up:
        assert rising is not None
        assert 6e-4 * rising[0] / rising[1] == 6e-4 * (index + 1) / (warm_up + 1)
        return
    decay_steps = total - 1 - warm_up
    assert rising is None
    expected = min(1.0, (index - warm_up) / decay_steps) if decay_steps > 0 else 1.0
    assert length.decay(step) == expected
    assert length.last_step == length.total_steps == total


def test_a_run_by_steps_says_where_it_is():
    assert ByStep(10_000).place(600) == "step   600/10000"
    assert ByStep(10).left_s(500.0, 4) == 3.0
    assert ByStep(10).left_s(None, 4) is None
