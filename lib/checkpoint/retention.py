"""Which checkpoints stay. Pure functions of steps, sizes and the best step: no file, no clock.

In tiers: the newest and the one before it; the last few at multiples of an interval; the last few
ends of epochs; the best. One project lost 8,000 steps to rules that kept less (design notes).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

LATEST = "latest"
PREVIOUS = "previous"
ROLLING = "rolling"
BEST = "best"
EPOCH = "epoch"

# Never deleted for room: what a run continues from, what stands in for it, and its best result.
ESSENTIAL = frozenset({LATEST, PREVIOUS, BEST})


@dataclass(frozen=True)
class Tiers:
    """How many checkpoints to keep for which purpose."""

    interval: int
    """A rolling checkpoint is one of a step that is a multiple of this; 0: there are none."""
    rolling: int
    """How many rolling ones are kept."""
    epochs: int
    """How many of those at ends of epochs are kept."""
    limit_bytes: int
    """All together at most this many, if dropping rolling and epoch ones can do it; 0: no limit."""
    epoch_of: Callable[[int], int | None]
    """The epoch, from 1, that ends with a step; None for a step that ends none."""

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint of this step would be a rolling one or that of an epoch."""
        is_epoch = self.epochs > 0 and self.epoch_of(step) is not None
        return is_epoch or (self.rolling > 0 and self._is_rolling(step))

    def of(self, steps: Collection[int], best: int | None) -> dict[int, tuple[str, ...]]:
        """What each of the steps is kept for; one that is kept for nothing is not in it.

        best: the step of the best evaluation, if there was one.
        """
        newest_first = sorted(steps, reverse=True)
        rolling = [step for step in newest_first if self._is_rolling(step)][: self.rolling]
        epochs = [step for step in newest_first if self.epoch_of(step) is not None][: self.epochs]
        kept: dict[int, list[str]] = {}
        groups = (newest_first[:1], LATEST), (newest_first[1:2], PREVIOUS), (rolling, ROLLING)
        for members, tier in groups:
            for step in members:
                kept.setdefault(step, []).append(tier)
        for step in epochs:
            kept.setdefault(step, []).append(f"{EPOCH} {self.epoch_of(step)}")
        if best in newest_first:
            kept.setdefault(best, []).append(BEST)
        return {step: tuple(tiers) for step, tiers in kept.items()}

    def expendable(
        self, sizes: Mapping[int, int], best: int | None, verified: int
    ) -> tuple[int, ...]:
        """The steps to delete, oldest first, once the checkpoint of `verified` is on the disk.

        sizes: bytes of every checkpoint there is. One that is newer than `verified` is not ours
        to judge, and if `verified` itself is not there, nothing is.
        """
        if verified not in sizes:
            return ()
        candidates = [step for step in sizes if step <= verified]
        kept = self.of(candidates, best)
        deleted = [step for step in candidates if step not in kept]
        if self.limit_bytes:
            total = sum(sizes.values()) - sum(sizes[step] for step in deleted)
            for step in sorted(kept, key=lambda step: (self._is_epoch(kept[step]), step)):
                if total > self.limit_bytes and not ESSENTIAL & set(kept[step]):
                    deleted.append(step)
                    total -= sizes[step]
        return tuple(sorted(deleted))

    def _is_rolling(self, step: int) -> bool:
        return self.interval > 0 and step > 0 and step % self.interval == 0

    @staticmethod
    def _is_epoch(tiers: tuple[str, ...]) -> bool:
        return any(tier.startswith(EPOCH) for tier in tiers)
