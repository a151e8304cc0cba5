"""What happens between two log lines, summed on the device and read once, when the line is due.

Reading a number of a GPU waits for all the work before it; so a step only adds.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Window:
    """Sums over the steps since the last line."""

    def __init__(self, device: str) -> None:
        # Of the loss, of the gradient norm, and the number of clipped steps.
        self._sums = torch.zeros(3, device=device)
        self.steps = 0

    def add(self, loss: Tensor, norm: Tensor, clipped: Tensor | None) -> None:
        """One step. All 0-D: its loss; the norm of its gated gradients before anything changed
        them; whether the global clip scaled them down, or None where nothing is clipped."""
        self._sums[0] += loss
        self._sums[1] += norm
        if clipped is not None:
            self._sums[2] += clipped
        self.steps += 1

    def means(self) -> dict[str, float]:
        """The means over the steps, by the names of metrics.jsonl. Waits for the device.

        There must have been a step.
        """
        means = (total / self.steps for total in self._sums.tolist())
        return dict(zip(("loss", "gradient_norm", "clipped"), means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint between two lines: the line after a resume covers the steps before."""
        return {"sums": self._sums, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._sums.copy_(state["sums"])
        self.steps = state["steps"]
