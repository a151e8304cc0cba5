"""Every tensor at the same sparsity."""

from collections.abc import Sequence

from lib.pruning.distributions.quotas import Place, Population, one_each, shares


def uniform(places: Sequence[Place], pruned: Sequence[int], total: int) -> list[Population]:
    """The same share of every tensor, up to the rounding of one unit."""
    return one_each(shares([place.units for place in places], pruned, total))
