"""Where the time of a run goes: monotonic clocks by category, and the times of single steps."""

import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class Clock:
    """Adds up seconds by category. Categories may nest: "optimizer" is a part of "train".

    A run that is resumed continues the clock that its checkpoint holds: the seconds between the
    checkpoint and the kill belong to work that is lost and done again, and are not counted.
    """

    def __init__(self, started: float) -> None:
        """`started`: `time.perf_counter()` when the command began."""
        self.seconds: dict[str, float] = {}
        self._started = started
        self._earlier_s = 0.0

    def attempt_s(self) -> float:
        """Seconds since the command began."""
        return time.perf_counter() - self._started

    def total_s(self) -> float:
        """The same, and those of the attempts that it continues."""
        return self._earlier_s + self.attempt_s()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": dict(self.seconds), "total_s": self.total_s()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's clock; what this attempt counted so far stays counted."""
        for category, seconds in state["seconds"].items():
            self.add(category, seconds)
        self._earlier_s = state["total_s"]

    @contextmanager
    def measure(self, category: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(category, time.perf_counter() - start)

    def add(self, category: str, seconds: float) -> None:
        self.seconds[category] = self.seconds.get(category, 0.0) + seconds


class Durations:
    """The times of repeated events, and what is typical of them once they have warmed up."""

    # The first events allocate, plan kernels and fill caches: left out of every typical value.
    WARM_UP = 10
    RECENT = 101

    def __init__(self) -> None:
        self._seconds = array("d")
        # Of the attempts before this one, without their warm-ups.
        self._earlier = array("d")

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def warmed_up(self) -> list[float]:
        """The events after the warm-up: all but the first ten of each attempt, or the first tenth
        if there are fewer than a hundred."""
        here = self._seconds[min(self.WARM_UP, len(self._seconds) // 10) :]
        return [*self._earlier, *here]

    def state_dict(self) -> dict[str, Any]:
        # A tensor: a list of a million numbers would be pickled one by one.
        return {"seconds": torch.tensor(self.warmed_up(), dtype=torch.float64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the events of earlier attempts."""
        self._earlier = array("d", state["seconds"].tolist())

    def recent_ms(self) -> float | None:
        """The median of the last events, for estimates; None before the warm-up is over."""
        if len(self._seconds) <= self.WARM_UP:
            return None
        recent = sorted(self._seconds[max(self.WARM_UP, len(self._seconds) - self.RECENT) :])
        return 1e3 * recent[len(recent) // 2]

    def quantile_ms(self, share: float) -> float | None:
        """The nearest-rank quantile in milliseconds; None without events."""
        ordered = sorted(self.warmed_up())
        if not ordered:
            return None
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
