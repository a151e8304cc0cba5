import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.pruning.schedule import SCHEDULES, Schedule, build_schedule, linear, zhu_gupta


def schedule(**changes):
    settings = {
        "shape": zhu_gupta,
        "target": 0.5,
        "begin": 2500,
        "end": 7500,
        "frequency": 125,
        "total_steps": 10_000,
    }
    return Schedule(**settings | changes)


def events(schedule):
    return [t for t in range(schedule.total_steps + 1) if schedule.is_event(t)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (linear, [0.05, 0.125, 0.25, 0.375, 0.45]),
        (zhu_gupta, [0.1355, 0.2891, 0.4375, 0.4922, 0.4995]),
    ],
)
def test_known_answers(shape, expected):
    s = schedule(shape=shape, begin=100, end=1100)
    reached = [s.sparsity(100 + step) for step in (100, 250, 500, 750, 900)]
    assert reached == pytest.approx(expected, abs=5e-5)


def test_jaxpruner_example():
    s = schedule(begin=0, end=20, frequency=5, total_steps=20)
    assert s.sparsity(10) == 0.4375
    assert events(s) == [0, 5, 10, 15, 20]


def test_zhu_gupta_prunes_early():
    # The mirror image p^3 would be at an eighth of the target here.
    assert schedule().sparsity(5000) > 0.5 * 0.5


def test_share_removed_by_the_last_of_twenty_updates():
    for shape, share in ((zhu_gupta, 0.5 * 0.05**3), (linear, 0.025)):
        s = schedule(shape=shape, begin=0, end=20, frequency=1, total_steps=20)
        assert s.sparsity(20) - s.sparsity(19) == pytest.approx(share)


def test_events_follow_the_frequency_and_end_on_the_end():
    assert events(schedule(begin=10, end=31, frequency=7, total_steps=99)) == [10, 17, 24, 31]
    assert events(schedule(begin=10, end=30, frequency=7, total_steps=99)) == [10, 17, 24, 30]
    assert events(schedule(begin=10, end=12, frequency=50, total_steps=99)) == [10, 12]
    assert events(schedule(begin=10, end=10, frequency=50, total_steps=99)) == [10]


def test_a_ramp_without_length_is_one_event_at_the_target():
    s = schedule(begin=10, end=10)
    assert (s.sparsity(9), s.sparsity(10), s.sparsity(11)) == (0.0, 0.5, 0.5)


@settings(deadline=None)  # a busy machine is no failure
@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    target=st.floats(0, 0.999),
    begin=st.integers(0, 50),
    length=st.integers(1, 100),
)
def test_rises_from_zero_to_exactly_the_target_and_stays(name, target, begin, length):
    s = schedule(
        shape=SCHEDULES[name], target=target, begin=begin, end=begin + length, total_steps=200
    )
    values = [s.sparsity(t) for t in range(200)]
    assert all(low <= high for low, high in zip(values, values[1:], strict=False))
    assert set(values[: begin + 1]) == {0.0}
    assert set(values[begin + length :]) == {target}
    assert not any(s.is_event(t) for t in range(begin + length + 1, 200))


def test_built_from_per_cents_with_an_automatic_frequency():
    s = build_schedule(
        "zhu-gupta", target=0.5, begin_pct=25, end_pct=75, frequency=0, total_steps=10_000
    )
    assert (s.begin, s.end, s.frequency) == (2500, 7500, 125)
    s = build_schedule("linear", target=0.5, begin_pct=25, end_pct=75, frequency=0, total_steps=300)
    assert (s.begin, s.end, s.frequency, s.shape) == (75, 225, 50, linear)
    s = build_schedule("linear", target=0.5, begin_pct=0, end_pct=100, frequency=3, total_steps=10)
    assert (s.begin, s.end, s.frequency) == (0, 10, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"end": 2499}, "ends at step 2499, before it begins at step 2500; move"),
        ({"end": 10_001}, "ends at step 10001, outside the steps 1 to 10000 of the run; move"),
        ({"begin": 0, "end": 0}, "ends at step 0, outside"),
        ({"begin": -1}, "begins at step -1; begin"),
        ({"frequency": 0}, "every 0 steps is impossible; set"),
        ({"target": 1.0}, r"target sparsity 1.0 is outside \[0, 1\); set"),
        ({"target": -0.1}, "target sparsity -0.1"),
        ({"target": float("nan")}, "target sparsity nan"),
    ],
)
def test_impossible_schedules_are_refused_with_the_remedy(changes, message):
    with pytest.raises(ValueError, match=message):
        schedule(**changes)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no pruning schedule 'zhugupta'; did you mean zhu-gupta"):
        build_schedule(
            "zhugupta", target=0.5, begin_pct=25, end_pct=75, frequency=0, total_steps=100
        )
