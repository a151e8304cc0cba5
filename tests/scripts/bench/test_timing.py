import pytest
import torch

from scripts.bench import timing
from scripts.bench.timing import Comparison, Pace, PhaseClock, block, bootstrap_interval, compare

CPU = torch.device("cpu")


@pytest.fixture
def ticks(monkeypatch):
    """A clock that stands still until a subject moves it: now["s"] in seconds."""
    now = {"s": 0.0}
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now["s"])
    return now


def subject(now, log, name, *milliseconds):
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
        subject(ticks, [], "a", *phases)(clock)
    assert clock.read_ms() == [pytest.approx([1.0, 2.0]), pytest.approx([3.0, 4.0])]
    assert clock.read_ms() == []


def test_a_block_is_the_median_of_its_repetitions(ticks):
    times = iter([1.0, 100.0, 2.0])
    result = block(lambda clock: subject(ticks, [], "a", next(times))(clock), CPU, 3)
    assert result == pytest.approx([2.0])


def test_blocks_alternate_as_a_b_b_a(ticks):
    log = []
    pace = Pace(seconds=1.0, most_quadruples=2, block_ms=1.0)
    result = compare(subject(ticks, log, "A", 8.0), subject(ticks, log, "B", 4.0), CPU, pace)
    assert "".join(log) == "A" * 6 + "B" * 6 + "ABBA" * 2
    assert result.first_ms == pytest.approx([8.0])
    assert result.ratio((0,), (0,)).median == pytest.approx(0.5)


def test_a_slow_subject_takes_one_quadruple_and_gets_no_interval(ticks):
    log = []
    pace = Pace(seconds=1.0, most_quadruples=9, block_ms=300.0)
    result = compare(subject(ticks, log, "A", 1.0), subject(ticks, log, "B", 9000.0), CPU, pace)
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
