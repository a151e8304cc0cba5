"""Where the time of a run goes: monotonic clocks by category, and the times of single steps."""

import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up seconds by category. Categories may nest: "optimizer" is a part of "train"."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

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

    def __init__(self) -> None:
        self._seconds = array("d")

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def warmed_up(self) -> list[float]:
        """The events after the warm-up: all but the first ten, or the first tenth if there are
        fewer than a hundred."""
        return list(self._seconds[min(self.WARM_UP, len(self._seconds) // 10) :])

    def quantile_ms(self, share: float) -> float | None:
        """The nearest-rank quantile in milliseconds; None without events."""
        ordered = sorted(self.warmed_up())
        if not ordered:
            return None
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
