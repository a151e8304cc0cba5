"""Signals that ask a run to stop: they set a flag, and the run stops where it loses nothing.

    SIGINT   once: stop; again: leave at once     exit 130
    SIGTERM  stop                                 exit 143
    SIGHUP   stop; ignored where nohup ignores it exit 129
    SIGUSR1  stop, to be started again by a queue exit 75 (Slurm's warning before a time limit)

Outside of `deferred()` there is nothing to save, so a signal interrupts whatever is being done.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    if hasattr(signal, name)
)

# What a queue reads as "not finished: try again later".
REQUEUE = 75


class Stopped(BaseException):
    """A signal, on its way to the end of the attempt. No Exception: nothing may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_status(self) -> int:
        is_requeue = self.signal.name == "SIGUSR1"
        return REQUEUE if is_requeue else 128 + self.signal


class StopRequests:
    """Takes the signals over for the life of a `with` block, and gives them back after it.

    Only the main thread of a process may enter it.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        """The first signal that came."""
        self.leaves_at_once = False
        """Ctrl+C came again: nothing is waited for any more."""
        self._is_deferred = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in STOPPING:
            previous = signal.getsignal(number)
            if number.name == "SIGHUP" and previous is signal.SIG_IGN:
                # Under nohup the terminal may go away and the run goes on.
                continue
            self._previous[number] = previous
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, previous in self._previous.items():
            # None: installed by another language than Python, and not ours to install again.
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
        self._previous.clear()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """In this block a signal only sets `requested`, which the block must look at."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def check(self) -> None:
        """Raise Stopped if a signal came."""
        if self.requested is not None:
            raise Stopped(self.requested)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        came = signal.Signals(number)
        is_first = self.requested is None
        if is_first:
            self.requested = came
        if self._is_deferred:
            if is_first or came != signal.SIGINT:
                # Schedulers repeat themselves; only a person says twice that it must be now.
                return
            self.leaves_at_once = True
        raise Stopped(came)
