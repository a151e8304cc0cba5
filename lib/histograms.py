"""A histogram of sizes by powers of two, as a row of metrics.jsonl holds it.

Bin k holds 2^k <= |x| < 2^(k+1), exactly. Zeros, values beyond the bins and what is no finite
number are counted apart, so all counts together are the number of elements. Whoever makes such a
row counts by the exponent bits of float32 (lib/gradients.py); whoever shows one asks for its
edges. Knows no torch.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Bins from 2^-40 (9.1e-13) to below 2^8.
FIRST_EXPONENT = -40
BINS = 48

EXPONENTS = 256  # of a float32: 0 is zero or subnormal, 255 is infinite or no number
BIAS = 127

FIELDS = ("first_exponent", "counts", "zero", "below", "above", "not_finite")


def histogram(exponents: Sequence[int], zeros: int) -> dict[str, Any]:
    """Counts by the biased exponent of float32, [256], as bins of |x|.

    zeros: how many of the elements are exactly zero; the rest of exponent 0 is subnormal.
    """
    assert len(exponents) == EXPONENTS
    start = FIRST_EXPONENT + BIAS
    values = (
        FIRST_EXPONENT,
        list(exponents[start : start + BINS]),
        zeros,
        sum(exponents[:start]) - zeros,
        sum(exponents[start + BINS : -1]),
        exponents[-1],
    )
    return dict(zip(FIELDS, values, strict=True))


def is_histogram(value: object) -> bool:
    """Whether a field of a row is one."""
    return isinstance(value, dict) and value.keys() == set(FIELDS)


def buckets(row: Mapping[str, Any]) -> tuple[list[float], list[int]]:
    """Edges and counts for a picture: `counts[i]` values lie between `edges[i]` and the next.

    From the first bin with something in it to the last; zeros and what is too small for the bins
    are the first, from 0 on. Values that are not finite have no place in it. Without any value that
    has one, both are empty.
    """
    first, inside = row["first_exponent"], row["counts"]
    # One count more at each end; the largest float32 lies below 2 to the BIAS + 1.
    counts = [row["zero"] + row["below"], *inside, row["above"]]
    powers = range(first, first + len(inside) + 1)
    edges = [0.0, *(2.0**power for power in powers), math.ldexp(1.0, BIAS + 1)]
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return [], []
    return edges[filled[0] : filled[-1] + 2], counts[filled[0] : filled[-1] + 1]
