"""What an optimizer may do besides a step, and how a trainer asks for it without knowing which.

An ordinary optimizer of torch does none of it; then each function here answers with nothing. So
the loop has one shape for all arms: `condition_gradients` between the norm and the clip,
`read_events` where it logs, and the pruner asks how long ago the moments were reset.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class ConditionsGradients(Protocol):
    """Changes the gradients before the shared clip: spike clipping, normalisation."""

    def condition_gradients(self, norm: Tensor) -> Tensor:
        """Condition all gradients in place, without waiting for the device.

        norm: 0-D, the norm of all gradients as they are (gated, not clipped). Returns their norm
        afterwards, 0-D. `step()` does this by itself where it was not called since the last step.
        """
        ...


@runtime_checkable
class ReportsEvents(Protocol):
    """Counts what its mechanisms did, on the device."""

    def read_events(self) -> dict[str, float]:
        """The counts since the last call, by flat names. Waits for the device; starts afresh."""
        ...


@runtime_checkable
class ResetsMoments(Protocol):
    """Sets its moments to zero now and then; scores that read them must know."""

    @property
    def steps_since_reset(self) -> int | None:
        """Steps since the moments were last zeroed; None if they never were."""
        ...

    @property
    def reset_interval(self) -> int | None:
        """Steps between two resets; None if it never resets."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """Knows what is doubtful about its settings, though allowed."""

    def notes(self) -> list[str]:
        """Sentences for the log."""
        ...


def condition_gradients(optimizer: torch.optim.Optimizer, norm: Tensor) -> Tensor:
    """Let the optimizer condition the gradients; returns their norm afterwards (0-D).

    norm: 0-D, of the gated, unclipped gradients. An ordinary optimizer gives it back as it is.
    """
    if isinstance(optimizer, ConditionsGradients):
        return optimizer.condition_gradients(norm)
    return norm


def read_events(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """What the optimizer's mechanisms did since the last call; {} for an ordinary one."""
    return optimizer.read_events() if isinstance(optimizer, ReportsEvents) else {}


def steps_since_reset(optimizer: torch.optim.Optimizer) -> int | None:
    """Steps since the moments were last zeroed; None if they never were."""
    return optimizer.steps_since_reset if isinstance(optimizer, ResetsMoments) else None


def reset_interval(optimizer: torch.optim.Optimizer) -> int | None:
    """Steps between two resets of the moments; None if there are none."""
    return optimizer.reset_interval if isinstance(optimizer, ResetsMoments) else None


def notes(optimizer: torch.optim.Optimizer) -> list[str]:
    """What a person should know of the optimizer's settings; [] for an ordinary one."""
    return optimizer.notes() if isinstance(optimizer, HasNotes) else []
