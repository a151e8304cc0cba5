"""What happens between two log lines, summed on the device and read once, when the line is due.

Reading a number of a GPU waits for all the work before it; so a step only adds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class WindowFigures:
    """What the steps since the last line come to; field names as in metrics.jsonl."""

    loss: float
    """Mean, nats a token."""
    loss_variance: float | None
    """Between the steps, whose batches differ; None for a single step."""
    gradient_norm: float
    """Mean."""
    clipped: float
    """Share of the steps."""


class Window:
    """Sums over the steps since the last line."""

    def __init__(self, device: str) -> None:
        # Of the loss, of the gradient norm, and the number of clipped steps.
        self._sums = torch.zeros(3, device=device)
        # The first loss; the sum of how much each loss differs from it, and of the squares of that.
        # Losses of neighbouring steps differ little, so float32 holds their variance.
        self._spread = torch.zeros(3, device=device)
        self.steps = 0

    def add(self, loss: Tensor, norm: Tensor, clipped: Tensor | None) -> None:
        """One step. All 0-D: its loss; the norm of its gated gradients before anything changed
        them; whether the global clip scaled them down, or None where nothing is clipped."""
        self._sums[0] += loss
        self._sums[1] += norm
        if clipped is not None:
            self._sums[2] += clipped
        if self.steps == 0:
            self._spread[0] = loss
        difference = loss - self._spread[0]
        self._spread[1] += difference
        self._spread[2] += difference * difference
        self.steps += 1

    def read(self) -> WindowFigures:
        """What the steps come to. Waits for the device. There must have been a step."""
        loss, norm, clipped, _, shift, squares = torch.cat((self._sums, self._spread)).tolist()
        count = self.steps
        # Of the steps as a sample of the training: one alone says nothing.
        variance = (squares - shift * shift / count) / (count - 1) if count > 1 else None
        return WindowFigures(
            loss=loss / count,
            # NaN stays what it is.
            loss_variance=0.0 if variance is not None and variance < 0 else variance,
            gradient_norm=norm / count,
            clipped=clipped / count,
        )

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint between two lines: the line after a resume covers the steps before."""
        return {"sums": self._sums, "spread": self._spread, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._sums.copy_(state["sums"])
        self.steps = state["steps"]
        if "spread" in state:
            self._spread.copy_(state["spread"])
        elif self.steps:
            # A checkpoint of before there was one: unknown until the next line.
            self._spread.fill_(math.nan)
