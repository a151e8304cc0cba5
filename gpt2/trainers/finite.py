"""Stopping before the update of a step whose loss or gradient is not finite.

Reading a number of a GPU waits for all the work before it. So where the optimizer can leave out an
update on the device's own word, a bad step raises a flag that stays up: no update happens from
there on, and the flag is read when a log line or a checkpoint waits for the device anyway.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lib.optimizers import skip_steps_where


class Diverged(ArithmeticError):
    """The loss or the gradient is not finite. A result of the run, not a failure of the harness."""

    def __init__(self, message: str, updates: int) -> None:
        """`updates`: of the weights, in all the run before this."""
        super().__init__(message)
        self.updates = updates


class FiniteCheck(ABC):
    """Sees each step's loss and the norm of its gated gradients before the update."""

    @abstractmethod
    def watch(self, loss: Tensor, norm: Tensor, step: int) -> None:
        """Both 0-D, of step `step` (1-based). May raise Diverged."""

    def settle(self) -> None:  # noqa: B027 (not abstract: who looks at once has nothing to settle)
        """Raise Diverged if a step watched so far was bad. Waits for the device."""


class ImmediateCheck(FiniteCheck):
    """Looks at each step: free on a processor, a wait per step on a GPU."""

    def watch(self, loss: Tensor, norm: Tensor, step: int) -> None:
        if not (loss + norm).isfinite().item():
            raise _diverged(loss.item(), norm.item(), step)


class DeferredCheck(FiniteCheck):
    """Leaves a flag on the device; the optimizer that was given `is_bad` updates nothing more."""

    def __init__(self, device: str) -> None:
        self.is_bad = torch.zeros((), device=device)
        """0-D, 1.0 from the first bad step on; always this tensor."""
        # Loss and norm of the first bad step, or of the last step.
        self._last = torch.zeros(2, device=device)
        self._bad_steps = torch.zeros((), device=device)
        self._step = 0

    def watch(self, loss: Tensor, norm: Tensor, step: int) -> None:
        here = torch.stack((loss.detach().float(), norm.float()))
        self._last.copy_(torch.where(self.is_bad.bool(), self._last, here))
        self.is_bad.copy_((~self._last.isfinite().all()).float())
        self._bad_steps += self.is_bad
        self._step = step

    def settle(self) -> None:
        if self.is_bad.item():
            loss, norm = self._last.tolist()
            raise _diverged(loss, norm, self._step + 1 - int(self._bad_steps.item()))


def finite_check(optimizer: torch.optim.Optimizer, device: str) -> FiniteCheck:
    """The check that waits least: `device` is what torch calls it."""
    if device == "cpu":
        return ImmediateCheck()
    check = DeferredCheck(device)
    return check if skip_steps_where(optimizer, check.is_bad) else ImmediateCheck()


def _diverged(loss: float, norm: float, step: int) -> Diverged:
    return Diverged(f"loss {loss:g}, gradient norm {norm:g} at step {step}", step - 1)
