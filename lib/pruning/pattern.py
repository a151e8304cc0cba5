"""What pattern the zeros follow: any weight, or N of M neighbours stay.

A pattern says what is pruned as one unit (a weight; a group of M), what losing a unit costs, and
which weights go with it. When, where and how many units stay the business of the engine.

N:M is an experiment on accuracy: the arithmetic stays dense and gains nothing from it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from lib.pruning.distributions import pruned_total
from lib.pruning.select import EXCLUDED

Shape = tuple[int, ...]
LARGEST = torch.finfo(torch.float32).max


class Pattern(Protocol):
    """What the engine asks of a pattern. `pruned` is bool of the weight's shape, True = pruned."""

    label: str
    """Short, for labels and logs."""

    def units(self, shape: Shape) -> int:
        """How many units a weight of this shape has."""
        ...

    def total(self, sparsity: float, target: float, units: int) -> int:
        """How many of `units` are pruned when the schedule stands at `sparsity` of `target`."""
        ...

    def final(self, target: float, shapes: Sequence[Shape]) -> int:
        """How many weights are zero at the end, over tensors of these shapes."""
        ...

    def done(self, pruned: Tensor, zeros: int) -> int:
        """How many units of the tensor are pruned; zeros: how many weights are."""
        ...

    def missing(self, pruned: Tensor) -> int:
        """How many units stand in the way of the pattern; 0 for a tensor that follows it."""
        ...

    def losses(self, scores: Tensor, pruned: Tensor) -> Tensor:
        """fp32 loss by unit, flat or of the weight's shape; EXCLUDED for units that are done.

        scores: keep scores of the weights, which the pattern may overwrite.
        """
        ...

    def weights(self, selected: Tensor, scores: Callable[[], Tensor], pruned: Tensor) -> Tensor:
        """The weights that go with the selected units, bool of the weight's shape.

        selected: bool in the shape of `losses`; scores: makes the keep scores once more.
        """
        ...


@dataclass(frozen=True)
class Unstructured:
    """Any weight may go: a unit is one weight."""

    label: str = "unstructured"

    def units(self, shape: Shape) -> int:
        """Elements."""
        return math.prod(shape)

    def total(self, sparsity: float, target: float, units: int) -> int:
        """round(s N)."""
        return pruned_total(sparsity, units)

    def final(self, target: float, shapes: Sequence[Shape]) -> int:
        """round(S N)."""
        return pruned_total(target, sum(math.prod(shape) for shape in shapes))

    def done(self, pruned: Tensor, zeros: int) -> int:
        """Pruned weights."""
        return zeros

    def missing(self, pruned: Tensor) -> int:
        """Every set of zeros is one of these."""
        return 0

    def losses(self, scores: Tensor, pruned: Tensor) -> Tensor:
        """The keep scores; pruned weights are excluded, not ranked."""
        return scores.masked_fill_(pruned, EXCLUDED)

    def weights(self, selected: Tensor, scores: Callable[[], Tensor], pruned: Tensor) -> Tensor:
        """The units themselves."""
        return selected


class KeepNOfM:
    """In each group of M consecutive inputs of an output, N weights stay.

    A weight is (out, in): groups lie along dimension 1, and inputs that fill no group at the end
    of a row stay dense. A group is converted at once, the cheapest groups first. It keeps its N
    best by score; among equals the lowest index goes. Weights that are zero already count.
    """

    def __init__(self, n: int, m: int) -> None:
        """Raises ValueError for numbers that make no pattern."""
        if m < 2 or not 1 <= n <= m:
            raise ValueError(
                f"the pattern {n}:{m} keeps {n} of {m} weights, which is no pattern; "
                "set PRUNING_M >= 2 and PRUNING_N from 1 to PRUNING_M"
            )
        self.n, self.m = n, m
        self.label = f"{n}:{m}"

    def units(self, shape: Shape) -> int:
        """Whole groups."""
        return shape[0] * (math.prod(shape[1:]) // self.m)

    def total(self, sparsity: float, target: float, units: int) -> int:
        """As much of the groups as the schedule has gone of its way."""
        return pruned_total(sparsity / target, units)

    def final(self, target: float, shapes: Sequence[Shape]) -> int:
        """M - N of each group; the rests of the rows are dense, so it may be below target."""
        return (self.m - self.n) * sum(self.units(shape) for shape in shapes)

    def done(self, pruned: Tensor, zeros: int) -> int:
        """Groups that lost enough."""
        return int(self._is_done(self._grouped(pruned)).sum())

    def missing(self, pruned: Tensor) -> int:
        """Groups with more than N weights."""
        return int((~self._is_done(self._grouped(pruned))).sum())

    def losses(self, scores: Tensor, pruned: Tensor) -> Tensor:
        """Sum of the scores that a group loses, fp32 [groups]."""
        values, gone = self._grouped(scores), self._grouped(pruned)
        losing = values.masked_fill(~self._losers(values, gone) | gone, 0.0)
        loss = losing[0].clone()
        for row in losing[1:]:
            loss += row  # in this order on every machine; a sum over a dimension has none
        # A sum of finite scores may overflow, and infinity means that a group is done.
        return loss.clamp_(-LARGEST, LARGEST).masked_fill_(self._is_done(gone), EXCLUDED)

    def weights(self, selected: Tensor, scores: Callable[[], Tensor], pruned: Tensor) -> Tensor:
        """The losers of the selected groups."""
        values, gone = self._grouped(scores()), self._grouped(pruned)
        lost = self._losers(values, gone) & selected
        mask = torch.zeros_like(pruned, memory_format=torch.contiguous_format)
        rows, columns = pruned.shape[0], math.prod(pruned.shape[1:])
        inside = lost.T.reshape(rows, columns - columns % self.m)
        mask.view(rows, columns)[:, : inside.shape[1]] = inside
        return mask

    def _grouped(self, values: Tensor) -> Tensor:
        """The whole groups, [M, groups]: one row for each place in a group, contiguous."""
        rows, columns = values.shape[0], math.prod(values.shape[1:])
        inside = values.reshape(rows, columns)[:, : columns - columns % self.m]
        return inside.reshape(-1, self.m).T.contiguous()

    def _is_done(self, gone: Tensor) -> Tensor:
        """bool [groups], of gone: bool [M, groups]."""
        return gone.sum(0) >= self.m - self.n

    def _losers(self, values: Tensor, gone: Tensor) -> Tensor:
        """The M - N lowest of each group, what is gone before all else; bool [M, groups]."""
        ranked = values.masked_fill(gone, -EXCLUDED)
        rank = torch.zeros_like(ranked, dtype=torch.int16)
        for i in range(self.m):
            for j in range(i + 1, self.m):
                is_first_lower = ranked[i] <= ranked[j]  # equal: the lower index is lower
                rank[j] += is_first_lower
                rank[i] += ~is_first_lower
        return rank < self.m - self.n


PATTERNS: dict[str, Callable[[Mapping[str, Any]], Pattern]] = {
    "unstructured": lambda settings: Unstructured(),
    "2-4": lambda settings: KeepNOfM(2, 4),
    "n-m": lambda settings: KeepNOfM(settings["PRUNING_N"], settings["PRUNING_M"]),
}
"""By configuration value; each makes the pattern from typed settings by configuration symbol."""
