"""Late blocks lose more than early ones: the depth ramp of bitter4.

    f = 0.7 + 0.6 l / (L - 1) over the blocks l = 0 .. L-1;  s_l = min(0.95, c s f)

with c solved at every event so that the whole is at s: without it the cap leaves the model denser
than asked for. For 12 blocks c is 1 at s = .5, 1.0210396 at .8 and 1.1398253 at .9.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from lib.pruning.distributions.quotas import Place, Population, filled, one_each, rounded

FIRST, RISE = Fraction(7, 10), Fraction(6, 10)
CAP = Fraction(95, 100)
BLOCK = re.compile(r"^blocks\.(\d+)\.")


def factors(names: Sequence[str]) -> list[Fraction]:
    """f by tensor; 1, the mean over the blocks, for a tensor outside and for a single block."""
    matches = [BLOCK.match(name) for name in names]
    depths = [int(match[1]) if match else None for match in matches]
    last = max((depth for depth in depths if depth is not None), default=0)
    return [
        Fraction(1) if depth is None or last == 0 else FIRST + RISE * Fraction(depth, last)
        for depth in depths
    ]


def depth(places: Sequence[Place], pruned: Sequence[int], total: int) -> list[Population]:
    """Quotas that rise with the block, at most 95 % of a tensor, or the total's share if higher."""
    units = [place.units for place in places]
    # A total beyond the cap cannot respect it; then nobody is above the average.
    cap = max(CAP, Fraction(total, sum(units))) if sum(units) else CAP
    slopes = [
        factor * count
        for factor, count in zip(factors([place.name for place in places]), units, strict=True)
    ]
    high = [max(cap * count, before) for count, before in zip(units, pruned, strict=True)]
    return one_each(rounded(filled(slopes, pruned, high, total), total))
