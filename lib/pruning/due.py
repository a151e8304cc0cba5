"""Whether an event is due, or has to wait until the moments mean something again.

After SPAM zeroes m and v they are one gradient old, or all equal: a score that reads them would
prune by noise. Such an event waits until as many steps have passed as moments need, at the latest
to the last step of the run. It then prunes to the sparsity that the schedule has at that step;
events that fall due meanwhile are one with it. Scores that read no moments never wait.
"""

import torch

from lib.optimizers import reset_interval, steps_since_reset
from lib.pruning.schedule import SparsitySchedule

RECOVERY_STEPS = 50  # five times the memory of m at beta1 = 0.9


class Due:
    """When the schedule's events really happen."""

    def __init__(
        self, schedule: SparsitySchedule, optimizer: torch.optim.Optimizer, reads_moments: bool
    ) -> None:
        self.schedule = schedule
        self.optimizer = optimizer
        self.reads_moments = reads_moments
        self.pending: int | None = None
        """The step at which the waiting event fell due; None if none waits."""

    def waited(self, step: int) -> int | None:
        """How many steps the event after `step` has waited, mostly 0; None if there is none.

        To be asked once for every step.
        """
        if self.pending is None and self.schedule.is_event(step):
            self.pending = step
        if self.pending is None or self._must_wait(step):
            return None
        waited, self.pending = step - self.pending, None
        return waited

    def _must_wait(self, step: int) -> bool:
        if not self.reads_moments or self.schedule.is_last(step):
            return False
        since, interval = steps_since_reset(self.optimizer), reset_interval(self.optimizer)
        if since is None or interval is None:
            return False
        return since < min(RECOVERY_STEPS, interval // 2)
