"""All tensors compete with each other (the distribution called global)."""

from collections.abc import Sequence

from lib.pruning.distributions.quotas import Place, Population


def one_population(places: Sequence[Place], pruned: Sequence[int], total: int) -> list[Population]:
    """One ranking.

    Biased by scale: tensors with a small initialisation, such as the residual projections, are
    pruned far beyond the average (JaxPruner on T5: loss 5.44, with a quota per tensor 2.95).
    """
    assert sum(pruned) <= total <= sum(place.units for place in places)
    return [Population(tuple(range(len(places))), total)]
