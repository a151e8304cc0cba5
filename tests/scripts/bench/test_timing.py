import pytest
import torch

from scripts.bench import timing
from scripts.bench.timing import (
    Comparison,
    Pace,
    PhaseClock,
    Ratio,
    block,
    bootstrap_interval,
    compare,
    interleave,
    means,
    medians,
    plan,
    ratio_of,
    subject,
)

CPU = torch.device("cpu")


@pytest.fixture
def ticks(monkeypatch):
    """A clock that stands still until a subject moves it: now["s"] in seconds."""
    now = {"s": 0.0}
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now["s"])
    return now


def step_of(now, log, name, *milliseconds):
    def step(clock):
        clock.start()
        for phase in milliseconds:
            now["s"] += phase / 1e3
            clock.mark()
        log.append(name)

    return step


def test_phases_are_the_times_between_marks(ticks):
    clock = PhaseClock(CPU)
    for phases in ((1.0, 2.0), (3.0, 4.0)):
        step_of(ticks, [], "a", *phases)(clock)
    assert clock.read_ms() == [pytest.approx([1.0, 2.0]), pytest.approx([3.0, 4.0])]
    assert clock.read_ms() == []


def test_a_block_is_the_median_of_its_repetitions(ticks):
    times = iter([1.0, 100.0, 2.0])
    result = block(lambda clock: step_of(ticks, [], "a", next(times))(clock), CPU, 3)
    assert result == pytest.approx([2.0])


def test_blocks_alternate_as_a_b_b_a(ticks):
    log = []
    pace = Pace(seconds=1.0, fewest_rounds=1, most_rounds=2, block_ms=1.0)
    result = compare(step_of(ticks, log, "A", 8.0), step_of(ticks, log, "B", 4.0), CPU, pace)
    assert "".join(log) == "A" * 6 + "B" * 6 + "ABBA" * 2
    assert result.first_ms == pytest.approx([8.0])
    assert result.ratio((0,), (0,)).median == pytest.approx(0.5)


def test_a_slow_subject_takes_one_round_and_gets_no_interval(ticks):
    log = []
    pace = Pace(seconds=1.0, fewest_rounds=1, most_rounds=9, block_ms=300.0)
    result = compare(step_of(ticks, log, "A", 1.0), step_of(ticks, log, "B", 9000.0), CPU, pace)
    assert "".join(log) == "A" * 6 + "BB" + "ABBA"
    assert (result.ratio((0,), (0,)).low, result.ratio((0,), (0,)).high) == (None, None)


def test_a_drift_that_hits_both_leaves_the_ratio():
    # The clock gets slower by 1 ms a block: A B B A sees 10 11 12 13.
    drift = Comparison([0.0], [0.0], [[10.0], [13.0]], [[11.0], [12.0]])
    assert drift.ratio((0,), (0,)).median == 1.0


def test_the_interval_holds_the_median_and_repeats():
    values = [1.0, 1.1, 0.9, 1.05, 0.95, 1.2, 0.8]
    low, high = bootstrap_interval(values)
    assert 0.8 <= low < 1.0 < high <= 1.2
    assert (low, high) == bootstrap_interval(values)
    assert bootstrap_interval([1.0] * 4) == (None, None)
    assert bootstrap_interval([2.0] * 5) == (2.0, 2.0)


def test_three_subjects_go_there_and_back(ticks):
    log = []
    steps = [step_of(ticks, log, name, cost) for name, cost in zip("ABC", (1, 2, 3), strict=True)]
    blocks = interleave([subject(step, CPU) for step in steps], repetitions=2, rounds=2)
    assert "".join(log) == "AABBCCCCBBAA" * 2
    assert [len(found) for found in blocks] == [4, 4, 4]
    assert blocks[2] == [pytest.approx([3.0])] * 4


def test_a_mean_counts_a_stall_that_a_median_does_not(ticks):
    rows = [[1.0], [1.0], [10.0]]
    assert medians(rows) == [1.0]
    assert means(rows) == [4.0]
    times = iter([1.0, 1.0, 10.0])
    step = lambda clock: step_of(ticks, [], "a", next(times))(clock)  # noqa: E731
    assert interleave([subject(step, CPU)], repetitions=3, rounds=0) == [[]]
    assert block(step, CPU, 3, means) == pytest.approx([4.0])


def test_the_ratio_of_a_round_is_that_of_its_sums():
    ratio = ratio_of([10.0, 30.0, 8.0, 8.0], [10.0, 10.0, 4.0, 4.0])
    assert ratio.median == pytest.approx(2.0)
    assert (ratio.low, ratio.high) == (None, None)
    five = ratio_of([2.0, 2.0] * 5, [1.0, 1.0] * 5)
    assert (five.low, five.median, five.high) == (2.0, 2.0, 2.0)
    assert five.times(0.5) == Ratio(1.0, 1.0, 1.0)
    assert ratio.times(0.5) == Ratio(1.0, None, None)


def test_a_linear_drift_leaves_the_ratio_of_any_two_of_four(ticks):
    # Every millisecond of work takes a little longer than the one before.
    def drifting(cost):
        def step(clock):
            clock.start()
            now = ticks["s"]
            ticks["s"] += cost * (1e-3 + 1e-6 * drifting.count)
            drifting.count += 1
            assert ticks["s"] > now
            clock.mark()

        return step

    drifting.count = 0
    subjects = [subject(drifting(cost), CPU) for cost in (1, 1, 2, 1)]
    blocks = interleave(subjects, repetitions=1, rounds=6)
    of = [[phase for (phase,) in found] for found in blocks]
    assert ratio_of(of[1], of[0]).median == pytest.approx(1.0, rel=1e-9)
    assert ratio_of(of[3], of[0]).median == pytest.approx(1.0, rel=1e-9)
    assert ratio_of(of[2], of[0]).median == pytest.approx(2.0, rel=1e-9)


def test_the_plan_keeps_its_limits():
    pace = Pace(seconds=60.0, fewest_rounds=5, most_rounds=9, block_ms=2000.0)
    assert plan(500.0, 3, pace) == (4, 5)  # a round of 12 s would fit 5 times
    assert plan(100.0, 3, pace) == (20, 5)
    assert plan(30_000.0, 3, pace) == (1, 5)
    quick = Pace(seconds=60.0, fewest_rounds=1, most_rounds=9, block_ms=10.0)
    assert plan(1.0, 2, quick) == (10, 9)
