"""Python's cycle collector, kept out of the training steps.

A full collection walks through every object that lives, most of which PyTorch made when it was
imported, and stops a step for 0.1 s and more. After the first step all that will live is there:
`settle` collects once, exempts the survivors for ever and stops the automatic collections; the
loop then calls `collect` where a log line is due. Objects without cycles are freed as always.
"""

import gc
from types import TracebackType


class GarbageCollector:
    """Collects when told; as Python does where `is_held` is False.

    A context manager: at its end the collector is as it was, whatever happened.
    """

    def __init__(self, is_held: bool) -> None:
        self._is_held = is_held
        self._is_settled = False

    def __enter__(self) -> "GarbageCollector":
        self._was_enabled = gc.isenabled()
        return self

    def settle(self) -> None:
        """After the first step. Further calls do nothing."""
        if self._is_held and not self._is_settled:
            gc.collect()
            gc.freeze()
            gc.disable()
            self._is_settled = True

    def collect(self) -> None:
        """Free what has become garbage since the last call; for moments that are not timed."""
        if self._is_settled:
            gc.collect()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_settled:
            gc.unfreeze()
            if self._was_enabled:
                gc.enable()
            self._is_settled = False
