"""The learning rate by how far a run has come: linear warm-up, half a cosine, a floor."""

import math

from lib.run_length import RunLength


def learning_rate(length: RunLength, step: int, peak: float, floor: float) -> float:
    """The rate of optimizer step `step` (1-based).

    Rises over the warm-up without ever being 0, is `peak` right after, and is `floor` at the last
    step, whatever the length of the run. `floor == peak` keeps it constant.
    Source: Loshchilov and Hutter 2017 for the cosine.
    """
    rising = length.warm_up(step)
    if rising is not None:
        part, whole = rising
        return peak * part / whole
    return floor + (peak - floor) * (1.0 + math.cos(math.pi * length.decay(step))) / 2.0
