"""Gradient spikes on purpose: the gradient of one micro-batch times a factor, at given steps.

So that an optimizer that promises to survive spikes can be shown to do something: on an undisturbed
run of GPT-2 124M the largest gradient norm was 7.4 times its trailing mean,
and there such optimizers have nothing to do. The disturbance is the same for every arm, and the
loss that is logged and evaluated stays the true one. Knows no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spikes:
    """At which steps the gradient of the first micro-batch is scaled, and by how much."""

    factor: float
    first_step: int
    """1-based optimizer step."""
    interval: int
    """Steps between spikes; 0: there is only the first."""

    def factor_of(self, step: int) -> float | None:
        """The factor of optimizer step `step`; None where the gradient is left alone."""
        after = step - self.first_step
        is_due = after == 0 or (after > 0 and self.interval > 0 and after % self.interval == 0)
        return self.factor if is_due else None

    def number(self, steps: int) -> int:
        """How many of the first `steps` steps have a spike."""
        after = steps - self.first_step
        if after < 0:
            return 0
        return 1 + after // self.interval if self.interval else 1

    def __str__(self) -> str:
        again = f" and every {self.interval} steps after it" if self.interval else ""
        return f"first micro-batch x {self.factor:g} at step {self.first_step}{again}"


def spikes_of(settings: Mapping[str, Any]) -> Spikes | None:
    """The spikes of a run's typed settings; None for a run without."""
    if not settings["SPIKE_INJECTION"]:
        return None
    return Spikes(
        settings["SPIKE_FACTOR"], settings["SPIKE_FIRST_STEP"], settings["SPIKE_INTERVAL"]
    )
