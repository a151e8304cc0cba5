"""When to prune, and to which sparsity: pure functions of the optimizer step.

    p = clip((t - t0) / (t1 - t0), 0, 1);  s(t) = S * shape(p)

Events at t0, t0 + f, t0 + 2f, ... and always at t1; after t1 the masks are frozen. t is the
1-based optimizer step, so a reference that calls its schedule with step + 1 (JaxPruner) gives at
its step 9 what this gives at t = 10.

Not here: p^3, which some code calls cubic. It is the mirror image of `zhu_gupta`: it prunes last
and hardest where the other has long finished.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

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


SCHEDULES: dict[str, Callable[[float], float]] = {"zhu-gupta": zhu_gupta, "linear": linear}


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


def build_schedule(
    name: str, *, target: float, begin_pct: int, end_pct: int, frequency: int, total_steps: int
) -> Schedule:
    """A schedule over per cents of the run, rounded down to steps.

    frequency: steps between events; 0 means automatic, max(50, ramp / 40).
    Raises ValueError for an unknown name, or a ramp that does not fit into the run.
    """
    begin = total_steps * begin_pct // 100
    end = total_steps * end_pct // 100
    if frequency == 0:
        frequency = max(MIN_FREQUENCY_STEPS, math.ceil((end - begin) / EVENTS_PER_RAMP))
    return Schedule(
        shape=lookup(SCHEDULES, name, "pruning schedule"),
        target=target,
        begin=begin,
        end=end,
        frequency=frequency,
        total_steps=total_steps,
    )
