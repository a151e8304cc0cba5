"""What happens between two log lines, summed on the device and read once, when the line is due.

Reading a number of a GPU waits for all the work before it; so a step only adds.
"""

import torch
from torch import Tensor


class Window:
    """Sums over the steps since the last line."""

    def __init__(self, device: str) -> None:
        self._loss = torch.zeros((), device=device)
        self._norm = torch.zeros((), device=device)
        self._clipped = torch.zeros((), device=device)
        self.steps = 0

    def add(self, loss: Tensor, norm: Tensor, clipped: Tensor | None) -> None:
        """One step. All 0-D: its loss; the norm of its gated gradients before anything changed
        them; whether the global clip scaled them down, or None where nothing is clipped."""
        self._loss += loss
        self._norm += norm
        if clipped is not None:
            self._clipped += clipped
        self.steps += 1

    def means(self) -> dict[str, float]:
        """The means over the steps, by the names of metrics.jsonl. Waits for the device.

        There must have been a step.
        """
        return {
            "loss": self._loss.item() / self.steps,
            "gradient_norm": self._norm.item() / self.steps,
            "clipped": self._clipped.item() / self.steps,
        }
