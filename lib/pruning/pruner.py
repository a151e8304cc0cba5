"""The pruner's protocol, and the one engine behind every method.

In each training step the trainer calls `gate_gradients()` after the backward passes and before
any gradient norm, and `step(t)` after the optimizer. `NoPruning` is a real pruner, so a trainer
never branches. A method is a keep score; when, where and how many are the same for all methods.

At an event: exactly k new weights among the live ones are pruned, so masks only grow, negative
scores do no harm and nothing comes back; then the moments of every pruned coordinate are
zeroed, without which momentum would move it off zero at the next step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from lib.pruning.distributions import Distribution, Place, Population, pruned_total
from lib.pruning.schedule import Schedule
from lib.pruning.scores import Score, TensorView, keep_scores
from lib.pruning.select import EXCLUDED, smallest
from lib.pruning.storage import PrunableTensor

# A tensor nearly all zero while the target is moderate is a defect of scale, not a result.
NEARLY_DEAD, MODERATE_TARGET = 0.99, 0.95


@dataclass(frozen=True)
class PruneEvent:
    """What one event did; counts are taken from the weights."""

    step: int
    target: float
    """Scheduled share s(t) of the prunable weights."""
    achieved: float
    """Realised share; above the target only if the model was already sparser."""
    newly_pruned: int

    def row(self) -> dict[str, Any]:
        """The event as fields of a metrics row, which has the step already."""
        return {
            "target": self.target,
            "achieved": self.achieved,
            "newly_pruned": self.newly_pruned,
        }


@dataclass(frozen=True)
class SparsityReport:
    """Sparsity counted from the tensors."""

    sizes: Mapping[str, int]
    """Elements by tensor, in model order; empty without pruning."""
    pruned: Mapping[str, int]
    """Pruned elements by tensor."""

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
        """Zero the gradients of pruned coordinates; never waits for the device."""

    def step(self, step: int) -> PruneEvent | None:
        """Prune if an event is due after optimizer step `step` (1-based); None if not.

        To be called at every step, once, also when the optimizer skipped its own.
        """

    def report(self) -> SparsityReport:
        """Sparsity now; waits for the device."""

    def describe(self) -> str:
        """One line for the log."""

    @property
    def mask_bytes(self) -> int:
        """Bytes of masks held beside weights and optimizer state."""

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the weights and the optimizer are loaded before."""


class NoPruning:
    """Leaves every weight alone."""

    mask_bytes = 0

    def gate_gradients(self) -> None:
        """Nothing is pruned, so nothing is gated."""

    def step(self, step: int) -> None:
        """No event is ever due."""

    def report(self) -> SparsityReport:
        """Nothing is prunable."""
        return SparsityReport({}, {})

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


class GradualPruner:
    """Prunes `parameters` towards the schedule by one keep score."""

    def __init__(
        self,
        parameters: Sequence[tuple[str, Tensor]],
        optimizer: torch.optim.Optimizer,
        *,
        schedule: Schedule,
        distribution: Distribution,
        score: Score,
    ) -> None:
        """parameters: prunable ones by name, in model order; the optimizer trains them.

        Raises ValueError if the optimizer's eps is 0: a pruned weight would be 0/0.
        """
        for group in optimizer.param_groups:
            if "eps" in group and not group["eps"] > 0:
                raise ValueError(
                    f"EPSILON={group['eps']} makes every pruned weight 0/0; "
                    "set EPSILON > 0, for example 1e-8"
                )
        self.tensors = [PrunableTensor(name, weight) for name, weight in parameters]
        self.sizes = [tensor.size for tensor in self.tensors]
        self.optimizer = optimizer
        self.schedule = schedule
        self.distribution = distribution
        self.score = score
        self.is_gating = False
        self._is_state_checked = False

    def gate_gradients(self) -> None:
        """Zero the gradients of pruned coordinates; nothing before the first event."""
        if not self.is_gating:
            return
        for tensor in self.tensors:
            if tensor.weight.grad is not None:
                tensor.clear(tensor.weight.grad)

    def step(self, step: int) -> PruneEvent | None:
        """Prune if an event is due after optimizer step `step`.

        Raises ValueError, at the first step and not at the first event, if the optimizer keeps
        no moments that the score reads; at an event if a score is not finite, or if nearly a
        whole tensor is gone.
        """
        if not self._is_state_checked and self.optimizer.state:
            self._check_state()
        if not self.schedule.is_event(step):
            return None
        if not self.is_gating:
            for tensor in self.tensors:
                tensor.begin()
            self.is_gating = True
        target = self.schedule.sparsity(step)
        before = [tensor.pruned_count() for tensor in self.tensors]
        # A model already sparser than the schedule loses nothing and regains nothing.
        total = max(pruned_total(target, sum(self.sizes)), sum(before))
        places = [Place(t.name, tuple(t.weight.shape), t.size) for t in self.tensors]
        populations = self.distribution(places, before, total)
        for population in populations:
            self._prune(population, population.quota - sum(before[i] for i in population.tensors))
        for tensor in self.tensors:
            self._clear_moments(tensor)
        after = [tensor.pruned_count() for tensor in self.tensors]
        for population in populations:
            achieved = sum(after[position] for position in population.tensors)
            assert achieved == population.quota, f"{achieved} pruned, not {population.quota}"
        assert sum(after) == total, f"{sum(after)} pruned, not {total}"
        self._check_tensors(after)
        return PruneEvent(
            step=step,
            target=target,
            achieved=total / sum(self.sizes),
            newly_pruned=total - sum(before),
        )

    def _prune(self, population: Population, k: int) -> None:
        """Prune the k live weights of the population with the smallest keep scores."""
        assert k >= 0
        if k == 0:
            return
        tensors = [self.tensors[position] for position in population.tensors]
        if len(tensors) == 1:
            scores = self._candidates(tensors[0])
            makers = [lambda: scores]
        else:
            # Computed anew in each pass: a global population must not hold 4 N bytes of scores.
            makers = [lambda tensor=tensor: self._candidates(tensor) for tensor in tensors]
        for tensor, selected in zip(tensors, smallest(makers, k), strict=True):
            tensor.prune(selected)

    @torch.no_grad()
    def _candidates(self, tensor: PrunableTensor) -> Tensor:
        """Keep scores of live weights, fp32; pruned ones are excluded, not ranked."""
        state = self.optimizer.state[tensor.weight] if self.score.reads else {}
        view = TensorView(
            name=tensor.name,
            weight=tensor.weight.float(),
            state={key: state[key].float() for key in self.score.reads},
            memory=None,
            beta1=None,
            seed=0,
        )
        scores = keep_scores(self.score, view)
        return scores.masked_fill_(tensor.pruned(), EXCLUDED)

    def _clear_moments(self, tensor: PrunableTensor) -> None:
        """Zero every state tensor of the weight's shape (m, v, AMSGrad's maximum, momentum)."""
        state = self.optimizer.state.get(tensor.weight, {})
        for value in state.values():
            if isinstance(value, Tensor) and value.shape == tensor.weight.shape:
                tensor.clear(value)

    def _check_state(self) -> None:
        for tensor in self.tensors:
            state = self.optimizer.state.get(tensor.weight, {})
            missing = [key for key in self.score.reads if key not in state]
            if missing:
                raise ValueError(
                    f"the pruning score {self.score.formula} reads {', '.join(missing)} of "
                    f"{tensor.name}, which {type(self.optimizer).__name__} does not keep after "
                    "its first step; use adamwprune, or PRUNING_METHOD magnitude"
                )
        self._is_state_checked = True

    def _check_tensors(self, pruned: Sequence[int]) -> None:
        if self.schedule.target >= MODERATE_TARGET:
            return
        for tensor, count in zip(self.tensors, pruned, strict=True):
            if count > NEARLY_DEAD * tensor.size:
                raise ValueError(
                    f"{count} of the {tensor.size} weights of {tensor.name} are zero at target "
                    f"{self.schedule.target}; use PRUNING_DISTRIBUTION uniform"
                )

    def report(self) -> SparsityReport:
        """Sparsity now; before the first event nothing counts as pruned."""
        return SparsityReport(
            {tensor.name: tensor.size for tensor in self.tensors},
            {t.name: t.pruned_count() if self.is_gating else 0 for t in self.tensors},
        )

    def describe(self) -> str:
        """One line for the log."""
        schedule = self.schedule
        return (
            f"{100 * schedule.target:g}% of {sum(self.sizes):,} weights in {len(self.tensors)} "
            f"tensors, smallest {self.score.formula} first, steps {schedule.begin} to "
            f"{schedule.end}, every {schedule.frequency}"
        )

    @property
    def mask_bytes(self) -> int:
        """0 while the zeros are the mask."""
        return sum(tensor.mask_bytes for tensor in self.tensors)

    def state_dict(self) -> dict[str, Any]:
        """Whether gating is on, the counts to check at loading, the explicit masks."""
        return {
            "is_gating": self.is_gating,
            "pruned": dict(self.report().pruned),
            "masks": {t.name: t.mask.clone() for t in self.tensors if t.mask is not None},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the weights are loaded before, their zeros being the masks.

        Raises ValueError if the state belongs to other tensors or to other weights.
        """
        if not state or set(state["pruned"]) != {tensor.name for tensor in self.tensors}:
            raise ValueError(
                "the checkpoint's pruning state names other tensors than this run prunes; "
                "resume with the configuration that wrote it"
            )
        self.is_gating = state["is_gating"]
        for tensor in self.tensors:
            mask = state["masks"].get(tensor.name)
            tensor.mask = None if mask is None else mask.to(tensor.weight.device, copy=True)
        for name, count in self.report().pruned.items():
            if count != state["pruned"][name]:
                raise ValueError(
                    f"{name} has {count} pruned weights and the checkpoint's pruning state says "
                    f"{state['pruned'][name]}; load the weights of the same checkpoint first"
                )


def check_outcome(pruner: Pruner, target: float) -> str | None:
    """Why a finished run missed its pruning target; None if it did not.

    The total may be off by one weight per tensor: a live weight can land on exactly zero after
    the last event. A tensor that is all zero is a failure at any target.
    """
    report = pruner.report()
    wanted = pruned_total(target, report.prunable_total)
    if target > 0 and not report.prunable_total:
        return f"target sparsity {target} but nothing is pruned; choose a PRUNING_METHOD"
    if abs(report.pruned_total - wanted) > len(report.sizes):
        return (
            f"achieved sparsity {report.achieved:.6f} ({report.pruned_total} of "
            f"{report.prunable_total} weights) misses the target {target}"
        )
    for name, size in report.sizes.items():
        if size and report.pruned[name] == size:
            return f"every weight of {name} is pruned"
    return None
