"""The learning rate as a pure function of the step: linear warm-up, half a cosine, a floor."""

import math


def learning_rate(
    step: int, total_steps: int, peak: float, warmup_steps: int, floor: float
) -> float:
    """The rate of optimizer step `step` (1-based) of `total_steps`.

    Rises over `warmup_steps` without ever being 0, is `peak` right after, and is `floor` at the
    last step, whatever the length of the run. `floor == peak` keeps it constant.
    Source: Loshchilov and Hutter 2017 for the cosine.
    """
    index = step - 1
    if index < warmup_steps:
        return peak * (index + 1) / (warmup_steps + 1)
    decay_steps = total_steps - 1 - warmup_steps
    progress = min(1.0, (index - warmup_steps) / decay_steps) if decay_steps > 0 else 1.0
    return floor + (peak - floor) * (1.0 + math.cos(math.pi * progress)) / 2.0
