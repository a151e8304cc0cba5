"""How far a run has come: by its steps or, where MAX_TIME ends it, by the seconds it has trained.

The learning rate, the pruning schedule and the end of the run ask one object, which is told once
when a step begins. So they agree, and a run by time decays to its floor and prunes to its target
whatever the speed. A budget in steps stays integer arithmetic: its runs have the bits they had.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol


class RunLength(Protocol):
    """What a trainer, its schedules and its pruner ask."""

    total_steps: int | None
    """Steps of the whole run; None if nobody knows before it has ended."""

    @property
    def last_step(self) -> int | None:
        """The step after which the run is over; None while that is not decided."""

    @property
    def fraction(self) -> float:
        """Of the step that has begun: 0 in the first step of a run, 1 in its last."""

    @property
    def is_near_end(self) -> bool:
        """Whether the clock has to be true now, for which a GPU must be waited for."""

    def begin(self, step: int) -> None:
        """Step `step` (1-based) begins. To be called once for every step, before the others."""

    def has_passed(self, share: float, done: int) -> bool:
        """Whether, after `done` steps, so large a share of the run is over."""

    def warm_up(self, step: int) -> tuple[float, float] | None:
        """(a, b): the learning rate of the step is a / b of its peak; None after the warm-up."""

    def decay(self, step: int) -> float:
        """How far the decay is in a step after the warm-up: 0 in its first, 1 in the last step."""

    def left_s(self, step_ms: float | None, done: int) -> float | None:
        """Seconds of training left after `done` steps, of which the latest took `step_ms`."""

    def place(self, done: int) -> str:
        """Where the run stands after `done` steps, for people."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know; plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""


class ByStep:
    """A run of so many optimizer steps: a budget in tokens."""

    is_near_end = False

    def __init__(self, total_steps: int, warm_up_steps: int = 0) -> None:
        self.total_steps = total_steps
        self.last_step = total_steps
        self.warm_up_steps = warm_up_steps
        self.fraction = 0.0

    def begin(self, step: int) -> None:
        self.fraction = (step - 1) / (self.total_steps - 1) if self.total_steps > 1 else 1.0

    def has_passed(self, share: float, done: int) -> bool:
        return done >= math.ceil(share * self.total_steps)

    def warm_up(self, step: int) -> tuple[float, float] | None:
        return (step, self.warm_up_steps + 1) if step <= self.warm_up_steps else None

    def decay(self, step: int) -> float:
        index = step - 1
        steps = self.total_steps - 1 - self.warm_up_steps
        return min(1.0, (index - self.warm_up_steps) / steps) if steps > 0 else 1.0

    def left_s(self, step_ms: float | None, done: int) -> float | None:
        return None if step_ms is None else (self.total_steps - done) * step_ms / 1e3

    def place(self, done: int) -> str:
        """ "step   600/10000"."""
        return f"step {done:>{len(str(self.total_steps))}}/{self.total_steps}"

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to know: the step says it all."""


class ByTime:
    """A run of so many seconds of training: a budget in time.

    Before each step the seconds that are used and the time of the latest steps say whether another
    step would fit after it. If none would, it is the last: there the learning rate is at its floor
    and the sparsity at its target, though a step that takes longer than the latest may end late.
    """

    total_steps = None
    RECENT = 30
    # Fewer say little: the run might end on the word of a single slow step.
    LEAST = 3
    # So many steps before the end a GPU is waited for, so that the clock is true.
    NEAR = 8
    # Where nothing is known of a step yet, the warm-up begins at this share of itself.
    FIRST_SHARE = 0.01

    def __init__(
        self,
        seconds: float,
        trained_s: Callable[[], float],
        warm_up_steps: int | None = 0,
        warm_up_share: float = 0.0,
        most_steps: int | None = None,
    ) -> None:
        """trained_s: the seconds of training so far, those of earlier attempts included.

        warm_up_steps: None: the warm-up lasts `warm_up_share` of the time instead. most_steps: the
        run ends there if the time has not ended it; None: it does not.
        """
        assert seconds > 0, seconds
        self.seconds = seconds
        self.warm_up_steps = warm_up_steps
        self.warm_up_share = warm_up_share
        self.most_steps = most_steps
        self.fraction = 0.0
        self.last_step: int | None = None
        self._trained_s = trained_s
        self._used_s = 0.0
        self._recent: deque[float] = deque(maxlen=self.RECENT)
        self._decays_from: float | None = None
        # Steps that have begun in this attempt. The first allocates and plans: it says nothing.
        self._begun = 0

    def begin(self, step: int) -> None:
        # The one place that reads the clock: where several processes train, all must be given what
        # the clock of the first says, or they would disagree on the last step.
        used_s = self._trained_s()
        if self._begun >= 2:
            self._recent.append(used_s - self._used_s)
        self._begun += 1
        self._used_s = used_s
        step_s = self._step_s()
        is_last = used_s >= self.seconds or used_s + 2 * step_s > self.seconds
        if is_last or step == self.most_steps:
            self.last_step, self.fraction = step, 1.0
        else:
            shares = [self.fraction, used_s / (self.seconds - step_s)]
            if self.most_steps is not None:
                shares.append((step - 1) / (self.most_steps - 1))
            # Never back, though the latest steps may have been slower than those before.
            self.fraction = max(shares)
        if self._decays_from is None and self.warm_up(step) is None:
            self._decays_from = self.fraction

    def _step_s(self) -> float:
        """Seconds of a step, by the latest ones; 0 while too few are known."""
        recent = self._recent
        return sum(recent) / len(recent) if len(recent) >= self.LEAST else 0.0

    @property
    def is_near_end(self) -> bool:
        """Whether only a few more steps fit, as far as is known."""
        return self._trained_s() + self.NEAR * self._step_s() >= self.seconds

    def has_passed(self, share: float, done: int) -> bool:
        return self.fraction >= share

    def warm_up(self, step: int) -> tuple[float, float] | None:
        if step == self.last_step:
            return None
        if self.warm_up_steps is not None:
            return (step, self.warm_up_steps + 1) if step <= self.warm_up_steps else None
        warm_s, step_s = self.warm_up_share * self.seconds, self._step_s()
        if self._used_s >= warm_s:
            return None
        return max(self._used_s + step_s, self.FIRST_SHARE * warm_s), warm_s + step_s

    def decay(self, step: int) -> float:
        begin = self._decays_from
        if begin is None or step == self.last_step:
            return 1.0
        return (self.fraction - begin) / (1.0 - begin)

    def left_s(self, step_ms: float | None, done: int) -> float | None:
        left_s = max(0.0, self.seconds - self._trained_s())
        if done == self.last_step:
            return 0.0
        if self.most_steps is not None and step_ms is not None:
            return min(left_s, (self.most_steps - done) * step_ms / 1e3)
        return left_s

    def place(self, done: int) -> str:
        """ "step 600, 23 of 60 s"."""
        return f"step {done}, {self._trained_s():.0f} of {self.seconds:g} s"

    def state_dict(self) -> dict[str, Any]:
        return {
            "fraction": self.fraction,
            "last_step": self.last_step,
            "recent_s": list(self._recent),
            "decays_from": self._decays_from,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.fraction = state["fraction"]
        self.last_step = state["last_step"]
        self._recent.clear()
        self._recent.extend(state["recent_s"])
        self._decays_from = state["decays_from"]
