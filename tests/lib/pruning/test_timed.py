"""Pruning over the time that is used of a run."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.pruning.schedule import SCHEDULES, build_schedule
from lib.pruning.timed import build_timed_schedule
from lib.run_length import ByStep, ByTime


def run(name, seconds, duration, frequency=0, begin=25, end=75, resumed_at=()):
    """(step, sparsity) of each event, and the number of steps."""
    now = 0.0

    def build():
        length = ByTime(seconds, lambda: now)
        return length, build_timed_schedule(
            name, target=0.5, begin_pct=begin, end_pct=end, frequency=frequency, length=length
        )

    length, schedule = build()
    events, step = [], 0
    while step != length.last_step:
        if step in resumed_at:
            states = length.state_dict(), schedule.state_dict()
            length, schedule = build()
            length.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        step += 1
        length.begin(step)
        assert schedule.is_last(step) == (step == length.last_step)
        if schedule.is_event(step):
            events.append((step, schedule.sparsity(step)))
        now += duration(step)
    return events, step


@pytest.mark.parametrize("name", SCHEDULES)
def test_at_an_even_speed_it_is_the_schedule_by_steps(name):
    events, steps = run(name, 500.0, lambda step: 0.125)
    assert steps == 4000
    by_step = build_schedule(
        name, target=0.5, begin_pct=25, end_pct=75, frequency=0, total_steps=steps
    )
    wanted = [t for t in range(1, steps + 1) if by_step.is_event(t)]
    assert [step for step, _ in events] == pytest.approx(wanted, abs=2)
    for step, sparsity in events:
        assert sparsity == pytest.approx(by_step.sparsity(step), abs=2e-3)


@given(
    name=st.sampled_from(list(SCHEDULES)),
    seconds=st.floats(0.5, 40.0),
    table=st.lists(st.floats(0.05, 2.0), min_size=1, max_size=9),
    frequency=st.sampled_from([0, 1, 7]),
    end=st.sampled_from([30, 75, 100]),
)
def test_whatever_the_speed_the_target_is_reached_and_never_taken_back(
    name, seconds, table, frequency, end
):
    events, steps = run(
        name, seconds, lambda step: table[step % len(table)], frequency, begin=25, end=end
    )
    sparsities = [sparsity for _, sparsity in events]
    assert sparsities == sorted(sparsities)
    assert sparsities[-1] == 0.5
    assert sparsities.count(0.5) == 1
    assert events[-1][0] <= steps


def test_a_frequency_is_in_steps():
    events, _ = run("linear", 50.0, lambda step: 0.125, frequency=40)
    steps = [step for step, _ in events]
    assert {after - before for before, after in pairwise(steps[:-1])} == {40}


def test_a_continued_run_prunes_at_the_same_steps():
    duration = [0.125, 0.25, 0.125]
    straight = run("zhu-gupta", 60.0, lambda step: duration[step % 3])
    for stops in ((1, 2), (100, 101, 180), (270,), (350,)):
        resumed = run("zhu-gupta", 60.0, lambda step: duration[step % 3], resumed_at=stops)
        steps = [step for step, _ in straight[0]]
        assert [step for step, _ in resumed[0]] == pytest.approx(steps, abs=2)


def test_it_says_when():
    length = ByTime(60.0, lambda: 0.0)
    asked = {"target": 0.5, "begin_pct": 25, "end_pct": 75, "length": length}
    assert build_timed_schedule("linear", frequency=0, **asked).when == "25% to 75% of the time"
    text = build_timed_schedule("one-shot", frequency=9, **asked).when
    assert text == "25% to 25% of the time, every 9 steps"
    with pytest.raises(ValueError, match="outside"):
        build_timed_schedule("linear", frequency=0, **asked | {"target": 1.0})
    assert ByStep(10).total_steps == 10
