"""Erdos-Renyi kernel: small tensors stay denser than large ones (Evci et al. 2020).

    density = min(1, e (n_in + n_out) / (n_in n_out)),  e solved for the wanted total

For GPT-2 124M at 50 %, e is 288: the attention's query-key-value matrix keeps .5, its projection
.75 and the matrices of the feed-forward .46875.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from lib.pruning.distributions.quotas import Place, Population, filled, one_each, rounded


def erk(places: Sequence[Place], pruned: Sequence[int], total: int) -> list[Population]:
    """Live units in proportion to n_in + n_out, no tensor above what is live in it now.

    e is solved anew with the capped tensors, at every event.
    """
    live = [place.units - count for place, count in zip(places, pruned, strict=True)]
    kept = sum(place.units for place in places) - total
    slopes = [
        Fraction(place.units * sum(place.shape), math.prod(place.shape)) if place.units else 0
        for place in places
    ]
    stays = filled(slopes, [0] * len(places), live, kept)
    wanted = [place.units - share for place, share in zip(places, stays, strict=True)]
    return one_each(rounded(wanted, total))
