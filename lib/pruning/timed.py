"""When to prune where a time ends the run: the same shapes over the fraction that is used of it.

Events are as far apart as in a run by steps of the length that this one seems to have: so many
steps, or by default a fortieth of the ramp and not below 50 steps. The last comes in the first step
past the end of the ramp, at the latest in the last step of the run, and prunes to the whole target.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.pruning.schedule import EVENTS_PER_RAMP, MIN_FREQUENCY_STEPS, build_schedule
from lib.run_length import RunLength


@dataclass
class TimedSchedule:
    """A shape with its target, and the shares of the run between which it rises."""

    shape: Callable[[float], float]
    target: float
    begin: float
    """Fraction of the run at the first event."""
    end: float
    """Fraction at the last event."""
    frequency: int
    """Steps between events; 0: by the length that the ramp seems to have."""
    length: RunLength
    last_event: int | None = None
    is_over: bool = False

    def sparsity(self, step: int) -> float:
        """s, the share of prunable weights that shall be zero after the step that has begun."""
        now = self.length.fraction
        if now < self.begin:
            return 0.0
        if now >= self.end:
            return self.target
        return self.target * self.shape((now - self.begin) / (self.end - self.begin))

    def is_event(self, step: int) -> bool:
        """Whether masks are updated after `step`, which has begun. To be asked once."""
        now = self.length.fraction
        if self.is_over or now < self.begin:
            return False
        self.is_over = now >= self.end
        is_due = self.last_event is None or step - self.last_event >= self._interval(step)
        if self.is_over or is_due:
            self.last_event = step
            return True
        return False

    def _interval(self, step: int) -> int:
        if self.frequency:
            return self.frequency
        now = self.length.fraction
        ramp_steps = (self.end - self.begin) * (step - 1) / now if now > 0 else 0.0
        return max(MIN_FREQUENCY_STEPS, math.ceil(ramp_steps / EVENTS_PER_RAMP))

    def is_last(self, step: int) -> bool:
        """Whether no event can wait for a later step."""
        return step == self.length.last_step

    @property
    def when(self) -> str:
        """For people."""
        often = f", every {self.frequency} steps" if self.frequency else ""
        return f"{100 * self.begin:.3g}% to {100 * self.end:.3g}% of the time{often}"

    def state_dict(self) -> dict[str, Any]:
        return {"last_event": self.last_event, "is_over": self.is_over}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.last_event, self.is_over = state["last_event"], state["is_over"]


# A run of so many steps has them as finely as matters: its ramp in steps tells that in fractions.
_FINE = 1_000_001


def build_timed_schedule(
    name: str, *, target: float, begin_pct: int, end_pct: int, frequency: int, length: RunLength
) -> TimedSchedule:
    """As `build_schedule`, over per cents of the time. Raises ValueError for an unknown name, or a
    ramp that does not fit into the run."""
    fine = build_schedule(
        name,
        target=target,
        begin_pct=begin_pct,
        end_pct=end_pct,
        frequency=frequency,
        total_steps=_FINE,
    )
    begin, end = (max(0, step - 1) / (_FINE - 1) for step in (fine.begin, fine.end))
    return TimedSchedule(fine.shape, target, begin, end, frequency, length)
