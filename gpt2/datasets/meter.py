"""How far a long preparation is: a bar on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from typing import TYPE_CHECKING, Self

from gpt2.datasets.download import Progress
from lib.console import count, duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

LINE_EVERY_S = 30.0


class Meter:
    """Counts tokens against what is expected; the rate is that of this process alone."""

    def __init__(self, total: int, done: int, progress: Progress) -> None:
        """`total` is a forecast and may be passed; `done` tokens were there before."""
        self._total, self._done, self._before = total, done, done
        self._progress = progress
        self._start = self._told = time.monotonic()
        self._bar: Bar | None = None
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            self._bar = _bar()
            self._task = self._bar.add_task("tokens", total=total, completed=done, rate="")

    def add(self, tokens: int) -> None:
        """So many more are made."""
        self._done += tokens
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, rate=self._rate(now))
        elif now - self._told >= LINE_EVERY_S:
            self._told = now
            self._progress(self.line(now))

    def line(self, now: float) -> str:
        """Share, rate, and how long it will take at that rate."""
        share = min(self._done / self._total, 1) if self._total else 1
        text = f"{share:.1%} ({count(self._done)} tokens), {self._rate(now)}"
        rate = (self._done - self._before) / max(now - self._start, 1e-9)
        left = max(self._total - self._done, 0)
        return f"{text}, {duration(left / rate)} to go" if rate else text

    def _rate(self, now: float) -> str:
        seconds = max(now - self._start, 1e-9)
        return f"{count((self._done - self._before) / seconds)} tokens/s"

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar() -> "Bar":
    # Not at the top: the plan and the doctor import this package and show no bar.
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("tokenising"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        transient=True,
    )
