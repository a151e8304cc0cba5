import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.pruning.schedule import (
    SCHEDULES,
    Schedule,
    build_schedule,
    late_cubic,
    linear,
    zhu_gupta,
)

RAMPS = ("late-cubic", "linear", "zhu-gupta")


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
        (late_cubic, [0.0005, 0.0078, 0.0625, 0.2109, 0.3645]),
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


def test_zhu_gupta_prunes_early_and_late_cubic_is_its_mirror_image():
    assert schedule().sparsity(5000) > 0.5 * 0.5
    assert schedule(shape=late_cubic).sparsity(5000) < 0.5 * 0.5
    for progress in (0.0, 0.125, 0.5, 0.75, 1.0):
        assert late_cubic(progress) == 1 - zhu_gupta(1 - progress)


@pytest.mark.parametrize(("shape", "mean"), [(zhu_gupta, 0.75), (linear, 0.5), (late_cubic, 0.25)])
def test_mean_over_the_ramp(shape, mean):
    s = schedule(shape=shape)
    values = [s.sparsity(t) for t in range(2500, 7501)]
    assert sum(values) / len(values) == pytest.approx(mean * s.target, abs=1e-4)


def test_share_removed_by_the_last_of_twenty_updates():
    # 0.006 %, 2.5 % and 7.1 % of the weights at a target of one half.
    for shape, share in ((zhu_gupta, 0.00006), (linear, 0.025), (late_cubic, 0.0713)):
        s = schedule(shape=shape, begin=0, end=20, frequency=1, total_steps=20)
        assert s.sparsity(20) - s.sparsity(19) == pytest.approx(share, abs=5e-6 + 1e-3 * share)


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
    name=st.sampled_from(RAMPS),
    target=st.floats(0, 0.999),
    begin=st.integers(0, 50),
    length=st.integers(1, 100),
)
def test_rises_from_zero_to_exactly_the_target_and_stays(name, target, begin, length):
    shape = SCHEDULES[name].shape
    s = schedule(shape=shape, target=target, begin=begin, end=begin + length, total_steps=200)
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


@settings(deadline=None)  # a busy machine is no failure
@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    begin_pct=st.integers(0, 99),
    length_pct=st.integers(0, 100),
    frequency=st.integers(0, 60),
    total_steps=st.integers(100, 400),
)
def test_events_start_and_end_with_the_ramp(name, begin_pct, length_pct, frequency, total_steps):
    s = build_schedule(
        name,
        target=0.5,
        begin_pct=begin_pct,
        end_pct=min(100, begin_pct + 1 + length_pct),
        frequency=frequency,
        total_steps=total_steps,
    )
    found = events(s)
    assert (found[0], found[-1]) == (s.begin, s.end)
    gaps = [later - earlier for earlier, later in zip(found, found[1:], strict=False)]
    assert all(gap == s.frequency for gap in gaps[:-1])
    assert all(1 <= gap <= s.frequency for gap in gaps)
    assert s.sparsity(s.end) == 0.5 == s.sparsity(total_steps)
    assert s.sparsity(s.begin - 1) == 0.0


@pytest.mark.parametrize("frequency", [0, 7])
def test_one_shot_and_constant_have_one_event(frequency):
    asked = {"target": 0.5, "end_pct": 75, "frequency": frequency, "total_steps": 200}
    one_shot = build_schedule("one-shot", begin_pct=25, **asked)
    assert events(one_shot) == [50]
    assert [one_shot.sparsity(t) for t in (49, 50, 200)] == [0.0, 0.5, 0.5]
    assert events(build_schedule("one-shot", begin_pct=0, **asked)) == [1]
    constant = build_schedule("constant", begin_pct=25, **asked)
    assert events(constant) == [1]
    assert [constant.sparsity(t) for t in (0, 1, 200)] == [0.0, 0.5, 0.5]


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_the_metadata_fills_the_tables(name):
    entry = SCHEDULES[name]
    assert entry.summary.isascii()
    assert "S" in entry.formula
    assert (entry.shape(1.0), entry.ramp(25, 75)[1] <= 75) == (1.0, True)


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
