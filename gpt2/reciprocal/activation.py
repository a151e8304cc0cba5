"""When the reciprocal parts of a model wake up.

Their gates count for `awake` of their value, DORMANT while they sleep: never nothing, so gradients
reach everything from the first step, and no parameter is overwritten or frozen. A policy looks at
the number of finished steps and, if it waits for a steady loss, at the losses; it wakes once.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gpt2.reciprocal.gates import DORMANT
from gpt2.reciprocal.steps import DELAY, Step
from lib.run_length import RunLength

# A quarter of the run wakes what still sleeps.
LATEST_SHARE = 0.25


@dataclass(frozen=True)
class Rule:
    """When a loss counts as steady; from the documents of the study, earlier and later."""

    window: int
    """So many losses, the latest."""
    first: int
    """Asked from this step on,"""
    interval: int
    """and every so many."""
    limit: float
    is_relative: bool
    """The limit is of the coefficient of variation, else of the variance (population)."""

    def figure(self, losses: Tensor) -> float:
        """The figure that is compared with the limit."""
        variance = losses.double().var(correction=0).item()
        if not self.is_relative:
            return variance
        return math.sqrt(variance) / losses.double().mean().item()


RULES = {
    "variance": Rule(100, 250, 50, 0.02, False),
    "coefficient": Rule(50, 50, 10, 0.20, True),
}


class HasGates(Protocol):
    def wake(self, awake: float) -> None: ...


class Activation:
    """Asleep, waking or awake, of one model in one run."""

    def __init__(
        self, step: Step, rule: Rule, ramp_steps: int, length: RunLength, device: str
    ) -> None:
        self.policy = step.activation
        self.rule = rule
        self.ramp_steps = ramp_steps
        self.length = length
        self.woken_at: int | None = 0 if step.activation == "none" else None
        self.reason = "always" if step.activation == "none" else ""
        self.figure: float | None = None
        # On the device, and read only when the rule asks: reading waits for a GPU.
        self.losses = torch.zeros(rule.window, device=device)

    def awake(self, done: int) -> float:
        """How far the parts are awake in the step after `done` finished ones."""
        if self.woken_at is None:
            return DORMANT
        if self.ramp_steps == 0 or self.policy == "none":
            return 1.0
        share = min(1.0, (done - self.woken_at + 1) / (self.ramp_steps + 1))
        return DORMANT + (1.0 - DORMANT) * share

    def is_settled(self, done: int) -> bool:
        """Whether nothing changes from here on."""
        return self.woken_at is not None and self.awake(done) == 1.0

    def observe(self, done: int, loss: Tensor) -> bool:
        """After a step: keep its loss (0-D), and decide. True if the parts wake up now."""
        if self.policy == "variance":
            self.losses[(done - 1) % self.rule.window] = loss.detach()
        if self.woken_at is not None:
            return False
        self.reason = self._reason(done)
        if self.reason:
            self.woken_at = done
        return bool(self.reason)

    def _reason(self, done: int) -> str:
        rule = self.rule
        is_time = done >= rule.first and (done - rule.first) % rule.interval == 0
        if self.policy == "delay" and done >= DELAY:
            return "delay"
        if self.policy == "variance" and is_time:
            self.figure = rule.figure(self.losses)
            if self.figure < rule.limit:
                return "steady"
        return "forced" if self.length.has_passed(LATEST_SHARE, done) else ""

    def state_dict(self) -> dict[str, Any]:
        return {
            "woken_at": self.woken_at,
            "reason": self.reason,
            "figure": self.figure,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.woken_at = state["woken_at"]
        self.reason = state["reason"]
        self.figure = state["figure"]
        self.losses.copy_(state["losses"])
