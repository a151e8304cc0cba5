"""What a trainer may ask of any pruner, what it gets back, and how a run is judged at its end.

In each training step the trainer calls `gate_gradients()` after the backward passes and before
any gradient norm, and `step(t)` after the optimizer. `NoPruning` is a real pruner, so a trainer
never branches.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class PruneEvent:
    """What one event did; counts are taken from the weights."""

    step: int
    target: float
    """Scheduled share s(t) of the prunable weights."""
    achieved: float
    """Realised share; above the target only if the model was already sparser."""
    newly_pruned: int
    per_tensor: Mapping[str, float]
    """Realised share by tensor."""
    waited_steps: int
    """Steps since the event fell due; above 0 only after a reset of the moments."""

    def row(self) -> dict[str, Any]:
        """The event as fields of a metrics row, which has the step already."""
        return {
            "target": self.target,
            "achieved": self.achieved,
            "newly_pruned": self.newly_pruned,
            "per_tensor": dict(self.per_tensor),
            "waited_steps": self.waited_steps,
        }


@dataclass(frozen=True)
class SparsityReport:
    """Sparsity counted from the tensors."""

    sizes: Mapping[str, int]
    """Elements by tensor, in model order; empty without pruning."""
    pruned: Mapping[str, int]
    """Pruned elements by tensor."""
    missing: Mapping[str, int]
    """Groups by tensor that do not follow the pattern yet; 0 where any weight may go."""

    @property
    def prunable_total(self) -> int:
        """Elements in scope."""
        return sum(self.sizes.values())

    @property
    def pruned_total(self) -> int:
        """Pruned elements in scope."""
        return sum(self.pruned.values())

    @property
    def achieved(self) -> float:
        """Pruned share of the prunable weights; 0 without pruning."""
        return self.pruned_total / self.prunable_total if self.prunable_total else 0.0

    @property
    def per_tensor(self) -> dict[str, float]:
        """Pruned share by tensor; 0 for an empty tensor."""
        return {
            name: self.pruned[name] / size if size else 0.0 for name, size in self.sizes.items()
        }


class Pruner(Protocol):
    """What a trainer may call."""

    def gate_gradients(self) -> None:
        """Zero the gradients of pruned coordinates; then scores with a memory take them in.

        To be called once in every step, before the gradients are clipped, also in a step that
        the optimizer then skips: a memory is a sum over all steps. Never waits for the device.
        """

    def step(self, step: int) -> PruneEvent | None:
        """Prune if an event is due after optimizer step `step` (1-based); None if not.

        To be called at every step, once, also when the optimizer skipped its own.
        """

    def report(self) -> SparsityReport:
        """Sparsity now; waits for the device."""

    def wanted(self, target: float) -> int:
        """How many weights are zero at the end of a run with this target."""

    def describe(self) -> str:
        """One line for the log."""

    @property
    def mask_bytes(self) -> int:
        """Bytes of masks held beside weights and optimizer state."""

    @property
    def score_bytes(self) -> int:
        """Bytes that the score's memory holds over the whole run."""

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors. The score's memory is in it as it is, not copied."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the weights and the optimizer are loaded before."""


class NoPruning:
    """Leaves every weight alone."""

    mask_bytes = 0
    score_bytes = 0

    def gate_gradients(self) -> None:
        """Nothing is pruned, so nothing is gated."""

    def step(self, step: int) -> None:
        """No event is ever due."""

    def report(self) -> SparsityReport:
        """Nothing is prunable."""
        return SparsityReport({}, {}, {})

    def wanted(self, target: float) -> int:
        """Nothing."""
        return 0

    def describe(self) -> str:
        """One line for the log."""
        return "none"

    def state_dict(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError for the state of a run that prunes."""
        if state:
            raise ValueError(
                "the checkpoint was written by a run that prunes and this one does not; "
                "resume with the configuration of that run"
            )


def check_outcome(pruner: Pruner, target: float) -> str | None:
    """Why a finished run missed its pruning target; None if it did not.

    The total may be off by one weight per tensor: a live weight can land on exactly zero after
    the last event. A tensor that is all zero is a failure at any target, and so is a group that
    does not follow the pattern.
    """
    report = pruner.report()
    if target > 0 and not report.prunable_total:
        return f"target sparsity {target} but nothing is pruned; choose a PRUNING_METHOD"
    for name, missing in report.missing.items():
        if missing:
            return f"groups of {name} that do not follow the pattern: {missing}"
    wanted = pruner.wanted(target)
    if abs(report.pruned_total - wanted) > len(report.sizes):
        return (
            f"achieved sparsity {report.achieved:.6f} ({report.pruned_total} of "
            f"{report.prunable_total} weights) misses the target {target} ({wanted} weights)"
        )
    for name, size in report.sizes.items():
        if size and report.pruned[name] == size:
            return f"every weight of {name} is pruned"
    return None
