"""Where the zeros go: how many units each tensor, or all tensors together, must give up.

A distribution divides the tensors into populations; inside a population the smallest keep scores
lose. The quotas always sum to the total, so the global count is exact for every distribution.
"""

from lib.pruning.distributions.depth import depth
from lib.pruning.distributions.erk import erk
from lib.pruning.distributions.one_population import one_population
from lib.pruning.distributions.quotas import (
    Distribution,
    Place,
    Population,
    pruned_total,
    shares,
)
from lib.pruning.distributions.uniform import uniform

__all__ = ["DISTRIBUTIONS", "Distribution", "Place", "Population", "pruned_total", "shares"]

DISTRIBUTIONS: dict[str, Distribution] = {
    "uniform": uniform,
    "global": one_population,
    "erk": erk,
    "depth": depth,
}
