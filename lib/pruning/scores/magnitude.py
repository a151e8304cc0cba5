"""|w|: the criterion that every other one has to beat."""

from dataclasses import replace

from torch import Tensor

from lib.pruning.scores.protocol import Score, TensorView


def magnitude(view: TensorView) -> Tensor:
    """|w|."""
    return view.weight.abs()


MAGNITUDE = Score(
    formula="|w|",
    compute=magnitude,
    reads=(),
    memory=None,
    source="Han et al. 2015",
    equals="salpha at alpha 0",
    weakness="biased by scale: depends on initialisation and weight decay",
    is_scale_invariant=True,
)

# The same function, not a copy: magnitude on AdamW and bitter1 must agree bit for bit.
BITTER1 = replace(MAGNITUDE, source="AdamWPrune", equals="magnitude, bit for bit")

BITTER2 = replace(
    MAGNITUDE,
    source="AdamWPrune",
    equals="bitter1 at equal budget",
    weakness="as magnitude; a training budget, not a score",
)
