"""How many weights each tensor gives up: whole numbers that sum exactly to the total.

A distribution wants real numbers; `filled` makes them possible and `rounded` makes them whole,
both in exact fractions, so that no quota depends on a processor's rounding.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction


@dataclass(frozen=True)
class Place:
    """One prunable tensor, as a distribution sees it."""

    name: str
    shape: tuple[int, ...]
    units: int
    """How many things can be pruned in it: weights, or groups of an N:M pattern."""


@dataclass(frozen=True)
class Population:
    """Units that compete with each other."""

    tensors: tuple[int, ...]
    """Positions in the list of prunable tensors, ascending."""
    quota: int
    """How many of their units are pruned after the event, earlier ones included."""


Distribution = Callable[[Sequence[Place], Sequence[int], int], list[Population]]
"""distribution(places, pruned, total) -> populations that cover each place once.

pruned: units already pruned, by place; total: units wanted over all places, at least sum(pruned).
The quotas sum to total; a place alone in its population gets at least what is pruned already.
"""


def pruned_total(sparsity: float, size: int) -> int:
    """round(s * N), half to even: 2 of 5 at one half, 4 of 7, 7 of 17 at 0.4."""
    return round(sparsity * size)


def one_each(quotas: Sequence[int]) -> list[Population]:
    """Every tensor a population of its own."""
    return [Population((position,), quota) for position, quota in enumerate(quotas)]


def filled(
    slopes: Sequence[Number], low: Sequence[Number], high: Sequence[Number], total: int
) -> list[Fraction]:
    """Numbers c * slope, each held between its low and high, with the c that makes them sum up.

    slopes >= 0; low <= high, and where a slope is 0, low == high; sum(low) <= total <= sum(high).
    Each number grows with c, so the sum does, in straight pieces between the c at which a number
    reaches one of its bounds.
    """
    assert sum(low) <= total <= sum(high)
    rows = list(zip(slopes, low, high, strict=True))
    assert all(slope > 0 or below == above for slope, below, above in rows)

    def at(c: Fraction) -> list[Fraction]:
        return [
            min(max(c * slope, Fraction(below)), Fraction(above)) for slope, below, above in rows
        ]

    corners = {Fraction(bound) / slope for slope, *bounds in rows if slope for bound in bounds}
    knots = sorted(corners | {Fraction(0)})
    last = bisect_left(knots, total, key=lambda c: sum(at(c)))
    if last == 0:
        return at(knots[0])
    # Between two knots the sum is straight, and it passes the total here.
    left, right = sum(at(knots[last - 1])), sum(at(knots[last]))
    share = (total - left) / (right - left)
    return at(knots[last - 1] + share * (knots[last] - knots[last - 1]))


def rounded(wanted: Sequence[Fraction], total: int) -> list[int]:
    """Whole numbers with the sum `total` = sum(wanted), each wanted one rounded up or down.

    Largest remainder first, ties by position. Never beyond a whole bound of the wanted number.
    """
    assert sum(wanted) == total
    quotas = [math.floor(number) for number in wanted]
    by_remainder = sorted(range(len(wanted)), key=lambda i: quotas[i] - wanted[i])
    for position in by_remainder[: total - sum(quotas)]:
        quotas[position] += 1
    return quotas


def shares(sizes: Sequence[int], pruned: Sequence[int], total: int) -> list[int]:
    """Split `total` in proportion to `sizes`, each share at least `pruned`, the sum exact.

    A tensor that is pruned beyond its share keeps what it has, and the others divide the rest.
    """
    return rounded(filled(sizes, pruned, sizes, total), total)
