"""When to prune, and to which sparsity: pure functions of the optimizer step.

Where a time ends the run they are functions of the fraction that is used of it (timed.py).

    p = clip((t - t0) / (t1 - t0), 0, 1);  s(t) = S * shape(p)

Events at t0, t0 + f, t0 + 2f, ... and always at t1; after t1 the masks are frozen. t is the
1-based optimizer step, so a reference that calls its schedule with step + 1 (JaxPruner) gives at
its step 9 what this gives at t = 10.

All arms of a comparison share one schedule: one that prunes late trains denser on average. Over
the ramp the mean is .75 S for zhu-gupta, .5 S for linear and .25 S for late-cubic.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lib.pruning.lookup import lookup

MIN_FREQUENCY_STEPS = 50  # so an event takes 0.4 % of the training time of GPT-2 124M on a CPU
EVENTS_PER_RAMP = 40  # at 40 events each one removes little enough to recover from


def linear(progress: float) -> float:
    """Share of the target at `progress` in [0, 1]: the same number of weights at each event."""
    return progress


def zhu_gupta(progress: float) -> float:
    """1 - (1 - p)^3: many weights early, when the network recovers, few late.

    Zhu and Gupta 2017, "To prune, or not to prune", equation 1, from initial sparsity 0.
    """
    return 1.0 - (1.0 - progress) ** 3


def late_cubic(progress: float) -> float:
    """p^3, the mirror image of `zhu_gupta`, which some code calls cubic: few early, many late.

    The last of 20 events removes 7 % of the weights at a target of one half, and nothing is left
    of the run to recover in. Kept to compare with results that were made with it.
    """
    return progress**3


def at_once(progress: float) -> float:
    """The whole target, for schedules whose ramp has no length."""
    return 1.0


def configured(begin: int, end: int) -> tuple[int, int]:
    """The ramp as configured."""
    return begin, end


def only_the_begin(begin: int, end: int) -> tuple[int, int]:
    """One event where the ramp would begin, but not before there is a step."""
    return max(begin, 1), max(begin, 1)


def only_the_first_step(begin: int, end: int) -> tuple[int, int]:
    """One event after step 1, the first at which there are moments to score with."""
    return 1, 1


@dataclass(frozen=True)
class ScheduleEntry:
    """One line of the registry."""

    summary: str
    """One line for the generated tables."""
    formula: str
    """s as a function of p, for the generated tables."""
    shape: Callable[[float], float]
    """Share of the target at `progress` in [0, 1], never falling."""
    ramp: Callable[[int, int], tuple[int, int]]
    """ramp(configured begin, configured end) -> the steps t0, t1 of the first and last event."""


SCHEDULES: dict[str, ScheduleEntry] = {
    "zhu-gupta": ScheduleEntry(
        "most of it early, gentle at the end", "S (1 - (1 - p)^3)", zhu_gupta, configured
    ),
    "linear": ScheduleEntry("as many at each event", "S p", linear, configured),
    "late-cubic": ScheduleEntry("most of it at the end", "S p^3", late_cubic, configured),
    "one-shot": ScheduleEntry(
        "all of it in one event, at the begin", "0 before t0, then S", at_once, only_the_begin
    ),
    "constant": ScheduleEntry(
        "all of it after step 1: the same mask for the whole run",
        "S from step 1",
        at_once,
        only_the_first_step,
    ),
}


class SparsitySchedule(Protocol):
    """What a pruner asks of any schedule."""

    target: float
    """Final share of pruned weights S, in [0, 1)."""

    def sparsity(self, step: int) -> float:
        """s, the share of prunable weights that shall be zero after `step`."""

    def is_event(self, step: int) -> bool:
        """Whether masks are updated after `step`. To be asked at most once for a step."""

    def is_last(self, step: int) -> bool:
        """Whether `step` is the last of the run."""

    @property
    def when(self) -> str:
        """For people: "steps 25 to 75, every 50"."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know beside the step; plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""


@dataclass(frozen=True)
class Schedule:
    """A shape with its target and its steps; raises ValueError if they cannot be met."""

    shape: Callable[[float], float]
    target: float
    """Final share of pruned weights S, in [0, 1)."""
    begin: int
    """Step t0 of the first event."""
    end: int
    """Step t1 of the last event."""
    frequency: int
    """Steps f between events."""
    total_steps: int
    """The last step of the run."""

    def __post_init__(self) -> None:
        if not 0 <= self.target < 1:
            raise ValueError(
                f"target sparsity {self.target} is outside [0, 1); set it to the share to remove, "
                "for example 0.5"
            )
        if self.begin < 0:
            raise ValueError(f"pruning begins at step {self.begin}; begin at step 0 or later")
        if self.end < self.begin:
            raise ValueError(
                f"pruning ends at step {self.end}, before it begins at step {self.begin}; "
                "move the end to or after the begin"
            )
        if not 1 <= self.end <= self.total_steps:
            raise ValueError(
                f"pruning ends at step {self.end}, outside the steps 1 to {self.total_steps} of "
                "the run; move the end inside or train longer"
            )
        if self.frequency < 1:
            raise ValueError(
                f"pruning every {self.frequency} steps is impossible; set a frequency >= 1"
            )

    def sparsity(self, step: int) -> float:
        """s(t), the share of prunable weights that shall be zero after `step`."""
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return self.target  # exactly, and also when the ramp has no length
        return self.target * self.shape((step - self.begin) / (self.end - self.begin))

    def is_event(self, step: int) -> bool:
        """Whether masks are updated after `step`."""
        if not self.begin <= step <= self.end:
            return False
        return step == self.end or (step - self.begin) % self.frequency == 0

    def is_last(self, step: int) -> bool:
        """Whether `step` is the last of the run."""
        return step >= self.total_steps

    @property
    def when(self) -> str:
        """For people."""
        return f"steps {self.begin} to {self.end}, every {self.frequency}"

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to know: the step says it all."""


def build_schedule(
    name: str, *, target: float, begin_pct: int, end_pct: int, frequency: int, total_steps: int
) -> Schedule:
    """A schedule over per cents of the run, rounded down to steps.

    frequency: steps between events; 0 means automatic, max(50, ramp / 40). A schedule of one
    event reads of begin, end and frequency only what says when.
    Raises ValueError for an unknown name, or a ramp that does not fit into the run.
    """
    entry = lookup(SCHEDULES, name, "pruning schedule")
    begin, end = entry.ramp(total_steps * begin_pct // 100, total_steps * end_pct // 100)
    if frequency == 0:
        frequency = max(MIN_FREQUENCY_STEPS, math.ceil((end - begin) / EVENTS_PER_RAMP))
    return Schedule(
        shape=entry.shape,
        target=target,
        begin=begin,
        end=end,
        frequency=frequency,
        total_steps=total_steps,
    )
