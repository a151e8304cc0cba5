"""Saving while the training goes on: copy here, write in one thread, at most one save at a time.

The training waits for the save before, if it is not over, and for a copy of its state to host
memory. A save that failed is reported by the next call of any method here, in the caller's thread.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from lib.checkpoint.archive import State
from lib.checkpoint.retention import Tiers
from lib.checkpoint.snapshot import HostCopy, plan_copy
from lib.checkpoint.store import CheckpointStore, Saved


class CheckpointWriter:
    """Saves into one store; a context manager that leaves no save unfinished."""

    def __init__(self, store: CheckpointStore, tiers: Tiers) -> None:
        self._store = store
        self._tiers = tiers
        self._copy = HostCopy()
        # Its thread is joined when the interpreter ends, so an orderly end loses no save either.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[Saved | None] | None = None
        self._saved: list[Saved] = []

    @property
    def host_bytes(self) -> int:
        """Host memory that the copies take, between saves too: the tensors of a state, once."""
        return self._copy.bytes

    def reserve(self, state: State) -> None:
        """Prepare the memory for states like this one, in the thread; nothing is copied.

        To be called when all tensors exist, which is after the first step. Without it the first
        save prepares it, and the training waits some tenths of a second to some seconds for that.
        """
        plan = plan_copy(state)
        self._hand_over(lambda: self._copy.reserve(plan))

    def save(self, state: State) -> None:
        """Begin to save; when this returns, `state` may change. Its step is in it.

        Raises TypeError naming what cannot be saved; NotWritten if the disk is too full, or if
        the save before this one failed.
        """
        start = time.perf_counter()
        self.wait()
        plan = plan_copy(state)
        needed = self._store.check_space(state["step"], plan.bytes)
        copy = self._copy.take(state, plan)
        stall_s = time.perf_counter() - start
        self._hand_over(lambda: self._store.save(copy, self._tiers, needed, stall_s))

    def wait(self) -> None:
        """Return when no save is under way. Raises what the last one failed of."""
        if self._pending is None:
            return
        try:
            saved = self._pending.result()
        finally:
            # Not after a Ctrl+C in the middle of the waiting: then it is still under way.
            if self._pending.done():
                self._pending = None
        if saved is not None:
            self._saved.append(saved)

    def finished(self) -> list[Saved]:
        """The saves that have ended since the last call, without waiting. Raises as `wait`."""
        if self._pending is not None and self._pending.done():
            self.wait()
        saved, self._saved = self._saved, []
        return saved

    def close(self) -> None:
        """Wait for the save under way, end the thread, give the memory back. Raises as `wait`."""
        self._thread.shutdown(wait=True)
        try:
            self.wait()
        finally:
            self._copy.release()

    def _hand_over(self, job: Callable[[], Saved | None]) -> None:
        self.wait()
        self._pending = self._thread.submit(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            self.close()
        except Exception as failure:
            if error is None:
                raise
            # What ended the training is what people must see first.
            error.add_note(f"besides, the last checkpoint was not saved: {failure}")
