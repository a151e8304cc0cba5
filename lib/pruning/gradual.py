"""The one engine behind every method: prunes towards a schedule by a keep score.

A method is a keep score; when, where and how many are the same for all methods.

At an event: exactly as many live units as the quotas ask for are pruned, so masks only grow,
negative scores do no harm and nothing comes back; then the moments of every pruned coordinate are
zeroed, without which momentum would move it off zero at the next step.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from lib.pruning.distributions import Distribution, Place
from lib.pruning.due import Due
from lib.pruning.memories import ScoreMemories
from lib.pruning.pattern import Pattern
from lib.pruning.protocol import PruneEvent, SparsityReport
from lib.pruning.schedule import SparsitySchedule
from lib.pruning.scores import Score, TensorView, keep_scores
from lib.pruning.select import find_threshold, members, smallest
from lib.pruning.storage import PrunableTensor
from lib.workers import in_threads, workers_for

Result = TypeVar("Result")

# A tensor nearly all zero while the target is moderate is a defect of scale, not a result.
NEARLY_DEAD, MODERATE_TARGET = 0.99, 0.95


@dataclass(frozen=True)
class Count:
    """What is pruned in one tensor, counted from the tensor."""

    weights: int
    units: int


class GradualPruner:
    """Prunes `parameters` towards the schedule by one keep score."""

    def __init__(
        self,
        parameters: Sequence[tuple[str, Tensor]],
        optimizer: torch.optim.Optimizer,
        *,
        schedule: SparsitySchedule,
        distribution: Distribution,
        pattern: Pattern,
        score: Score,
        seed: int,
    ) -> None:
        """parameters: prunable ones by name, in model order; the optimizer trains them.

        seed: of the stream for scores that draw. A score with a memory starts it here, from the
        weights as they are. Raises ValueError if the optimizer's eps is 0: a pruned weight would
        be 0/0.
        """
        for group in optimizer.param_groups:
            if "eps" in group and not group["eps"] > 0:
                raise ValueError(
                    f"EPSILON={group['eps']} makes every pruned weight 0/0; "
                    "set EPSILON > 0, for example 1e-8"
                )
        self.tensors = [PrunableTensor(name, weight) for name, weight in parameters]
        shapes = [tuple(tensor.weight.shape) for tensor in self.tensors]
        self.places = [
            Place(tensor.name, shape, pattern.units(shape))
            for tensor, shape in zip(self.tensors, shapes, strict=True)
        ]
        self.size = sum(tensor.size for tensor in self.tensors)
        self.optimizer = optimizer
        self.schedule = schedule
        self.distribution = distribution
        self.pattern = pattern
        self.score = score
        self.seed = seed
        self.due = Due(schedule, optimizer, reads_moments=bool(score.reads))
        self.memories = ScoreMemories(score.memory, self.tensors, optimizer)
        self.is_gating = False
        self._is_state_checked = False

    def gate_gradients(self) -> None:
        """Zero the gradients of pruned coordinates; then let the score's memory take them in.

        Nothing is gated before the first event, and the memory takes in every step from the
        first on.
        """
        if self.is_gating:
            for tensor in self.tensors:
                if tensor.weight.grad is not None:
                    tensor.clear(tensor.weight.grad)
        self.memories.observe()

    def step(self, step: int) -> PruneEvent | None:
        """Prune if an event is due after optimizer step `step`.

        Raises ValueError, at the first step and not at the first event, if the optimizer keeps
        no moments that the score reads; at an event if a score is not finite, or if nearly a
        whole tensor is gone.
        """
        if not self._is_state_checked and self.optimizer.state:
            self._check_state()
        waited = self.due.waited(step)
        if waited is None:
            return None
        if not self.is_gating:
            self._each(PrunableTensor.begin)
            self.is_gating = True
        before = self._counts()
        # A model already sparser than the schedule loses nothing and regains nothing.
        target = self.schedule.sparsity(step)
        scheduled = self.pattern.total(
            target, self.schedule.target, sum(place.units for place in self.places)
        )
        units = [count.units for count in before]
        total = max(scheduled, sum(units))
        populations = self.distribution(self.places, units, total)
        self._prune_all(
            [
                ([self.tensors[i] for i in p.tensors], p.quota - sum(units[i] for i in p.tensors))
                for p in populations
            ]
        )
        self._each(self._clear_moments)
        after = self._counts()
        for population in populations:
            achieved = sum(after[position].units for position in population.tensors)
            assert achieved == population.quota, f"{achieved} pruned, not {population.quota}"
        assert sum(count.units for count in after) == total, f"not {total} units are pruned"
        self._check_tensors([count.weights for count in after])
        pruned = sum(count.weights for count in after)
        return PruneEvent(
            step=step,
            target=target,
            achieved=pruned / self.size,
            newly_pruned=pruned - sum(count.weights for count in before),
            per_tensor={
                tensor.name: count.weights / tensor.size if tensor.size else 0.0
                for tensor, count in zip(self.tensors, after, strict=True)
            },
            waited_steps=waited,
        )

    def _each(self, function: Callable[[PrunableTensor], Result]) -> list[Result]:
        """The function of every tensor, on all cores; the tensors do not depend on each other."""
        return in_threads(function, self.tensors, self._workers())

    def _workers(self) -> int:
        return workers_for([tensor.weight for tensor in self.tensors])

    def _counts(self) -> list[Count]:
        return self._each(self._count)

    def _count(self, tensor: PrunableTensor) -> Count:
        """Counted from the tensor, never remembered."""
        pruned = tensor.pruned()
        # count_nonzero branches on every element: ten times slower at half sparsity.
        weights = int(pruned.sum())
        return Count(weights, self.pattern.done(pruned, weights))

    def _prune_all(self, work: Sequence[tuple[list[PrunableTensor], int]]) -> None:
        """Prune, of each list of tensors, the k live units that lose least."""
        assert all(k >= 0 for _, k in work)
        alone = [(tensors[0], k) for tensors, k in work if k and len(tensors) == 1]
        in_threads(lambda item: self._prune_alone(*item), alone, self._workers())
        for tensors, k in work:
            if k and len(tensors) > 1:
                self._prune_together(tensors, k)

    def _prune_alone(self, tensor: PrunableTensor, k: int) -> None:
        losses = self._losses(tensor)
        (selected,) = smallest([lambda: losses], k)
        self._remove(tensor, selected)

    def _prune_together(self, tensors: Sequence[PrunableTensor], k: int) -> None:
        # Computed anew in each pass: a global population must not hold 4 N bytes of scores.
        makers = [lambda tensor=tensor: self._losses(tensor) for tensor in tensors]
        threshold = find_threshold(makers, k, self._workers())

        def prune(item: tuple[PrunableTensor, int]) -> None:
            tensor, ties = item
            self._remove(tensor, members(self._losses(tensor), threshold.value, ties))

        in_threads(prune, list(zip(tensors, threshold.ties, strict=True)), self._workers())

    def _remove(self, tensor: PrunableTensor, selected: Tensor) -> None:
        """Prune the selected units."""
        tensor.prune(self.pattern.weights(selected, lambda: self._scores(tensor), tensor.pruned()))

    def _losses(self, tensor: PrunableTensor) -> Tensor:
        """What losing each live unit costs, fp32; pruned ones are excluded, not ranked."""
        return self.pattern.losses(self._scores(tensor), tensor.pruned())

    @torch.no_grad()
    def _scores(self, tensor: PrunableTensor) -> Tensor:
        """Keep scores of all weights of a tensor, a new fp32 tensor; the same at every call."""
        state = self.optimizer.state[tensor.weight] if self.score.reads else {}
        view = TensorView(
            name=tensor.name,
            weight=tensor.weight.detach().float(),
            state={key: fp32(state[key]) for key in self.score.reads},
            memory=self.memories.tensors.get(tensor.name),
            beta1=self._beta1(tensor),
            seed=tensor_seed(self.seed, tensor.name),
        )
        return keep_scores(self.score, view)

    def _beta1(self, tensor: PrunableTensor) -> float | None:
        for group in self.optimizer.param_groups:
            if "betas" in group and any(p is tensor.weight for p in group["params"]):
                return group["betas"][0]
        return None

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
        rows = self._each(self._follows) if self.is_gating else [(0, 0)] * len(self.tensors)
        return SparsityReport(
            self._by_name([tensor.size for tensor in self.tensors]),
            self._by_name([weights for weights, _ in rows]),
            self._by_name([missing for _, missing in rows]),
        )

    def _follows(self, tensor: PrunableTensor) -> tuple[int, int]:
        """Pruned weights, and groups that do not follow the pattern."""
        pruned = tensor.pruned()
        return int(pruned.sum()), self.pattern.missing(pruned)

    def _by_name(self, values: Sequence[int]) -> dict[str, int]:
        return {t.name: value for t, value in zip(self.tensors, values, strict=True)}

    def wanted(self, target: float) -> int:
        """How many weights are zero at the end; an N:M pattern leaves the rests of rows dense."""
        return self.pattern.final(target, [place.shape for place in self.places])

    def describe(self) -> str:
        """One line for the log."""
        target = self.schedule.target
        return (
            f"{100 * target:g}% of {self.size:,} weights in {len(self.tensors)} tensors, "
            f"{self.pattern.label}, smallest {self.score.formula} first, {self.schedule.when}"
        )

    @property
    def mask_bytes(self) -> int:
        """0 while the zeros are the mask."""
        return sum(tensor.mask_bytes for tensor in self.tensors)

    @property
    def score_bytes(self) -> int:
        """0 for scores without a memory."""
        return self.memories.bytes

    def state_dict(self) -> dict[str, Any]:
        """Gating, the waiting event, counts to check at loading, explicit masks, memories, and
        what the schedule has to know."""
        return {
            "is_gating": self.is_gating,
            "pending": self.due.pending,
            "pruned": dict(self.report().pruned),
            "masks": {t.name: t.mask.clone() for t in self.tensors if t.mask is not None},
            "memories": self.memories.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the weights are loaded before, their zeros being the masks.

        Raises ValueError if the state belongs to other tensors, to other weights or to a score
        with another memory.
        """
        if not state or set(state["pruned"]) != {tensor.name for tensor in self.tensors}:
            raise ValueError(
                "the checkpoint's pruning state names other tensors than this run prunes; "
                "resume with the configuration that wrote it"
            )
        self.memories.load_state_dict(state["memories"])
        # What was written before runs could end by time has no such entry, and is by steps.
        self.schedule.load_state_dict(state.get("schedule", {}))
        self.due.pending = state["pending"]
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


def tensor_seed(seed: int, name: str) -> int:
    """A seed in [0, 2^63) of one tensor, whatever other tensors there are."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def fp32(value: Tensor | int) -> Tensor:
    """A state as scores see it; some optimizers count their steps in an int."""
    return torch.as_tensor(value, dtype=torch.float32)
