"""Where the time of a step goes: data, forward and backward, optimizer, pruning, and the rest.

On a processor a clock around each part says it. On a GPU the host only hands out work, and a
clock there would measure the handing out; so events mark the beginning and end of each part in the
stream, and their times are read when the host waits for the device anyway, at a log line. Marking
costs microseconds and never waits.

An event is reached when all work before it is done. The time of a part on a GPU is therefore all
the time that the device spent between its marks, waiting for the host included: a slow loader
shows as a long "data", although the copy is short.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol, Self

import torch

from lib.clock import Clock, Durations
from lib.device import Device

# The parts of a step, each inside "step". Evaluation, checkpoints and log lines are outside.
DATA = "data"
FORWARD_BACKWARD = "forward_backward"
OPTIMIZER = "optimizer"
PRUNE = "prune"
PARTS = (DATA, FORWARD_BACKWARD, OPTIMIZER, PRUNE)
STEP = "step"

# Marks that may be kept until a log line; more are taken in as they are reached.
MOST_MARKED = 4096


class Event(Protocol):
    """What is used of torch.cuda.Event."""

    def record(self) -> None: ...

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        """Whether it was reached; does not wait."""
        ...

    def elapsed_time(self, end_event: Self) -> float:
        """Milliseconds from this event to the other; both must have been reached."""
        ...


def cuda_event() -> Event:
    return torch.cuda.Event(enable_timing=True)


class Anatomy:
    """Measures parts by name, adds their seconds to a clock and keeps the time of each."""

    def __init__(self, clock: Clock, make_event: Callable[[], Event] | None) -> None:
        """make_event: `cuda_event` on a GPU; None on a processor, where the host does the work."""
        self._clock = clock
        self._make_event = make_event
        self._marked: deque[tuple[str, Event, Event]] = deque()
        self._free: list[Event] = []
        self._times: dict[str, Durations] = {}

    @classmethod
    def of(cls, clock: Clock, device: Device) -> Self:
        return cls(clock, None if device.kind == "cpu" else cuda_event)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure what happens inside as `name`. Parts may nest, and repeat within a step."""
        if self._make_event is None:
            start_s = perf_counter()
            try:
                yield
            finally:
                self._add(name, perf_counter() - start_s)
            return
        start, end = self._event(), self._event()
        start.record()
        try:
            yield
        finally:
            end.record()
            self._marked.append((name, start, end))
            if len(self._marked) > MOST_MARKED:
                self._take_reached()

    def times(self, name: str) -> Durations:
        """The single times of a part, of those that were settled."""
        return self._times.setdefault(name, Durations())

    def settle(self) -> None:
        """Take in the parts that were marked since the last call: waits for the last of them.

        On a processor there is nothing to do. To be called where the log reads its numbers, and
        before anything is read from the clock or from `times`.
        """
        if not self._marked:
            return
        start_s = perf_counter()
        self._marked[-1][2].synchronize()
        # How far the device was behind: about none of it, step after step, means that the device
        # waits for the host.
        self._clock.add("device_wait", perf_counter() - start_s)
        self._take_reached()
        assert not self._marked

    def _take_reached(self) -> None:
        # A part is marked when it ends, so the marks are reached in their order.
        while self._marked and self._marked[0][2].query():
            name, start, end = self._marked.popleft()
            self._add(name, start.elapsed_time(end) / 1e3)
            self._free += (start, end)

    def _add(self, name: str, seconds: float) -> None:
        self._clock.add(name, seconds)
        self.times(name).add(seconds)

    def _event(self) -> Event:
        assert self._make_event is not None
        return self._free.pop() if self._free else self._make_event()


def overhead_s(seconds: Mapping[str, float]) -> float | None:
    """Seconds inside the steps that belong to none of their parts: the host between two kernels,
    the schedule, the bookkeeping. None where steps or forward and backward were not measured.

    seconds: by category, as a Clock has them after `settle`.
    """
    if STEP not in seconds or FORWARD_BACKWARD not in seconds:
        return None
    return max(0.0, seconds[STEP] - sum(seconds.get(part, 0.0) for part in PARTS))
