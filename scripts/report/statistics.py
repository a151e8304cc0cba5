"""Numbers over seeds. The unit is a run, never a step.

n = 1 gives the value, n = 2 the range, n >= 3 the mean and its 95 % t interval. Arms are compared
by the differences of runs with the same seed, because these share init, batches and evaluation
windows: the noise that they have in common cancels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

CONFIDENCE = 0.95
RUNS_FOR_AN_INTERVAL = 3


@dataclass(frozen=True)
class Estimate:
    """One number of an arm: the values of its runs, in order of seed, and what they allow to say.

    Values that were not measured are not in it, so `n` may be smaller than the number of runs.
    """

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float | None:
        return math.fsum(self.values) / self.n if self.values else None

    @property
    def half_width(self) -> float | None:
        """Of the 95 % t interval of the mean; None below three runs."""
        if self.n < RUNS_FOR_AN_INTERVAL:
            return None
        return t_quantile(0.5 + CONFIDENCE / 2, self.n - 1) * deviation(self.values) / self.n**0.5

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval (n >= 3) or the range (n = 2); None where neither exists."""
        if self.n == 2:
            return min(self.values), max(self.values)
        half = self.half_width
        return None if half is None else (self.mean - half, self.mean + half)

    @property
    def excludes_zero(self) -> bool:
        """Whether the 95 % interval lies on one side of zero. Never true below three runs."""
        half = self.half_width
        return half is not None and abs(self.mean) > half


NOTHING = Estimate(())


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample (divided by n - 1), of at least two values."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def paired(arm: Mapping[int, float], other: Mapping[int, float]) -> Estimate:
    """`arm` minus `other`, seed by seed, over the seeds that both have."""
    return Estimate(tuple(arm[seed] - other[seed] for seed in sorted(arm.keys() & other.keys())))


def t_probability(t: float, freedom: int) -> float:
    """P(|T| < t) of Student's t with a whole number of degrees of freedom, for t >= 0.

    The finite series of Abramowitz and Stegun (1964), 26.7.3 and 26.7.4: exact, no tables.
    """
    assert freedom >= 1, freedom
    assert t >= 0, t
    angle = math.atan(t / math.sqrt(freedom))
    cosine2 = math.cos(angle) ** 2
    odd = freedom % 2 == 1
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(2 if odd else 1, freedom, 2):
        total += term
        term *= cosine2 * k / (k + 1)
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if odd else series


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """The t with P(T < t) = `probability` in (0.5, 1), by bisection of `t_probability`."""
    assert 0.5 < probability < 1, probability
    wanted = 2 * probability - 1
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < wanted:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, freedom) < wanted else (low, middle)
    return (low + high) / 2
