"""Where the zeros go: how many weights each tensor, or all tensors together, must give up.

A distribution divides the tensors into populations; inside a population the smallest keep scores
lose. The quotas always sum to the total, so the global count is exact for every distribution:
they are shares by largest remainder, in integers, never below what is pruned already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Population:
    """Weights that compete with each other."""

    tensors: tuple[int, ...]
    """Positions in the list of prunable tensors, ascending."""
    quota: int
    """How many of their weights are pruned after the event, earlier ones included."""


def uniform(sizes: Sequence[int], pruned: Sequence[int], total: int) -> list[Population]:
    """Every tensor at the same sparsity, up to the rounding of one weight.

    sizes, pruned: elements and already pruned elements per tensor; total: pruned elements wanted
    over all tensors, at least sum(pruned).
    """
    quotas = shares(sizes, pruned, total)
    return [Population((position,), quota) for position, quota in enumerate(quotas)]


def one_population(sizes: Sequence[int], pruned: Sequence[int], total: int) -> list[Population]:
    """All tensors compete; arguments as `uniform`.

    Biased by scale: tensors with a small initialisation, such as the residual projections, are
    pruned far beyond the average.
    """
    assert sum(pruned) <= total <= sum(sizes)
    return [Population(tuple(range(len(sizes))), total)]


DISTRIBUTIONS: dict[str, Callable[[Sequence[int], Sequence[int], int], list[Population]]] = {
    "uniform": uniform,
    "global": one_population,
}


def pruned_total(sparsity: float, size: int) -> int:
    """round(s * N), half to even: 2 of 5 at one half, 4 of 7, 7 of 17 at 0.4."""
    return round(sparsity * size)


def shares(sizes: Sequence[int], pruned: Sequence[int], total: int) -> list[int]:
    """Split `total` in proportion to `sizes`, each share at least `pruned`, the sum exact.

    Largest remainder, ties by position. A tensor that is pruned beyond its share keeps what it
    has, and the others divide the rest among themselves.
    """
    assert sum(pruned) <= total <= sum(sizes)
    quotas = list(pruned)
    open_positions = list(range(len(sizes)))
    while open_positions:
        size = sum(sizes[position] for position in open_positions)
        rest = total - sum(quotas) + sum(quotas[position] for position in open_positions)
        split = largest_remainder([sizes[position] for position in open_positions], size, rest)
        beyond = [
            position
            for position, share in zip(open_positions, split, strict=True)
            if share < pruned[position]
        ]
        if not beyond:
            for position, share in zip(open_positions, split, strict=True):
                quotas[position] = share
            break
        open_positions = [position for position in open_positions if position not in beyond]
    assert sum(quotas) == total
    return quotas


def largest_remainder(sizes: Sequence[int], size: int, total: int) -> list[int]:
    """Whole shares of `total` in proportion to `sizes` (sum `size`), in exact integers."""
    if size == 0:
        return [0] * len(sizes)
    floors = [total * part // size for part in sizes]
    remainders = [total * part % size for part in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda position: -remainders[position])
    for position in by_remainder[: total - sum(floors)]:
        floors[position] += 1
    return floors
