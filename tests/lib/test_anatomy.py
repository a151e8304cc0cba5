"""Parts of a step by a clock and by events, both with a time that the test decides."""

import pytest

from lib import anatomy
from lib.anatomy import Anatomy, overhead_s
from lib.clock import Clock
from lib.device import Device, processor


class Stream:
    """A device that does in its own time what the host hands it; and the host's clock."""

    def __init__(self):
        self.host_s = 0.0
        self.done_s = 0.0
        self.waits = 0
        self.made = 0

    def launch(self, device_s, host_s=0.0):
        self.host_s += host_s
        self.done_s = max(self.done_s, self.host_s) + device_s

    def event(self):
        self.made += 1
        return Event(self)


class Event:
    def __init__(self, stream):
        self.stream = stream
        self.reached_s = None

    def record(self):
        # Reached when the work before it is done, and not before it was recorded.
        self.reached_s = max(self.stream.done_s, self.stream.host_s)
        self.stream.done_s = self.reached_s

    def synchronize(self):
        self.stream.waits += 1
        self.stream.host_s = max(self.stream.host_s, self.reached_s)

    def query(self):
        return self.stream.host_s >= self.reached_s

    def elapsed_time(self, end):
        assert self.stream.host_s >= end.reached_s, "read before it was reached"
        return 1e3 * (end.reached_s - self.reached_s)


@pytest.fixture
def stream(monkeypatch):
    stream = Stream()
    monkeypatch.setattr(anatomy, "perf_counter", lambda: stream.host_s)
    return stream


def one_step(parts, stream, data_s=0.0):
    """As a trainer does it: two micro-batches, then the optimizer."""
    with parts.part("step"):
        for _ in range(2):
            with parts.part("data"):
                stream.launch(0.001, host_s=data_s)
            with parts.part("forward_backward"):
                stream.launch(0.100, host_s=0.002)
        with parts.part("optimizer"):
            stream.launch(0.010, host_s=0.001)


def test_on_a_processor_the_clock_says_it_at_once(stream):
    clock = Clock(0.0)
    parts = Anatomy(clock, None)
    with parts.part("step"):
        stream.host_s += 0.5
        with parts.part("optimizer"):
            stream.host_s += 0.25
    parts.settle()
    assert clock.seconds == {"optimizer": 0.25, "step": 0.75}
    assert parts.times("optimizer").warmed_up() == [0.25]


def test_on_a_gpu_events_say_it_when_the_log_asks(stream):
    clock = Clock(0.0)
    parts = Anatomy(clock, stream.event)
    for _ in range(3):
        one_step(parts, stream)
    assert stream.waits == 0
    assert clock.seconds == {}
    parts.settle()
    assert stream.waits == 1
    assert clock.seconds["forward_backward"] == pytest.approx(3 * 2 * 0.100, rel=0.05)
    assert clock.seconds["optimizer"] == pytest.approx(3 * 0.010, rel=0.05)
    assert clock.seconds["step"] == pytest.approx(3 * 0.212, rel=0.05)
    assert len(parts.times("step").warmed_up()) == 3
    assert len(parts.times("data").warmed_up()) == 6
    # A host clock around the same calls would have seen 1 % of it.
    assert overhead_s(clock.seconds) == pytest.approx(0.0, abs=0.01)


def test_waiting_for_the_loader_is_seen_where_it_happens(stream):
    """The device is idle while the host makes a batch; no kernel takes that time."""
    clock = Clock(0.0)
    parts = Anatomy(clock, stream.event)
    for _ in range(3):
        one_step(parts, stream, data_s=0.3)
    parts.settle()
    assert clock.seconds["data"] > 3 * 2 * 0.19
    assert clock.seconds["forward_backward"] == pytest.approx(3 * 2 * 0.102, rel=0.05)
    ahead = Clock(0.0)
    parts = Anatomy(ahead, stream.event)
    one_step(parts, stream)
    parts.settle()
    # Ahead of the device, the host had to wait; behind it, it had not.
    assert ahead.seconds["device_wait"] > 0.1
    assert clock.seconds["device_wait"] < 0.2


def test_events_are_used_again(stream):
    parts = Anatomy(Clock(0.0), stream.event)
    for _ in range(10):
        one_step(parts, stream)
        parts.settle()
    assert stream.made == 2 * 6
    parts.settle()
    assert stream.waits == 10


def test_a_long_way_to_the_next_log_line_keeps_few_marks_and_waits_for_none(stream, monkeypatch):
    monkeypatch.setattr(anatomy, "MOST_MARKED", 20)
    clock = Clock(0.0)
    parts = Anatomy(clock, stream.event)
    for _ in range(50):
        one_step(parts, stream)
        stream.host_s = stream.done_s  # a host that is no faster than its device
    assert stream.waits == 0
    assert stream.made <= 2 * 30
    parts.settle()
    assert clock.seconds["optimizer"] == pytest.approx(50 * 0.010, rel=0.05)


@pytest.mark.parametrize(("is_gpu", "seconds"), [(False, 0.5), (True, 1.0)])
def test_a_part_that_fails_is_still_measured(stream, is_gpu, seconds):
    clock = Clock(0.0)
    parts = Anatomy(clock, stream.event if is_gpu else None)

    def fail():
        with parts.part("optimizer"):
            stream.launch(0.5, host_s=0.5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    parts.settle()
    assert clock.seconds["optimizer"] == pytest.approx(seconds)
    assert parts.times("optimizer").warmed_up() == [pytest.approx(seconds)]


def test_the_device_decides_how():
    assert Anatomy.of(Clock(0.0), processor())._make_event is None
    assert Anatomy.of(Clock(0.0), Device("rocm", "a GPU", 1, 1))._make_event is anatomy.cuda_event


def test_overhead_is_what_no_part_took():
    seconds = {"step": 10.0, "data": 1.0, "forward_backward": 6.0, "optimizer": 2.0, "eval": 50.0}
    assert overhead_s(seconds) == 1.0
    assert overhead_s(seconds | {"prune": 0.5}) == 0.5
    # Clocks of host and device end at different moments; less than nothing is nothing.
    assert overhead_s({"step": 1.0, "forward_backward": 1.1}) == 0.0
    assert overhead_s({"train": 1.0}) is None
    assert overhead_s({"step": 1.0}) is None
