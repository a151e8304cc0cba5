"""Products of |w| with a power of the second moment v (bitter7, obd, salpha).

v averages a thousand squared gradients and, with beta2 near 1, estimates the diagonal of the
Fisher information; so these masks hardly depend on the batch of the event.
"""

import math
from dataclasses import replace

from torch import Tensor

from lib.pruning.scores.magnitude import MAGNITUDE
from lib.pruning.scores.protocol import Score, TensorView
from lib.pruning.scores.ratio import padded


def bitter7(view: TensorView) -> Tensor:
    """|w| v^(1/4), the geometric mean of |w| and sqrt(w^2 v)."""
    return view.state["exp_avg_sq"].sqrt().sqrt_().mul_(view.weight.abs())


def obd(view: TensorView) -> Tensor:
    """w^2 v: the loss that removing w costs, to second order with a diagonal Fisher."""
    return view.weight.square().mul_(view.state["exp_avg_sq"])


BITTER7 = Score(
    formula="|w| v^(1/4)",
    compute=bitter7,
    reads=("exp_avg_sq",),
    memory=None,
    source="AdamWPrune; geometric mean of magnitude and sqrt(obd)",
    equals="salpha at alpha 0.25",
    weakness="scales with a^(1/2) where w -> a w",
    is_scale_invariant=True,
)

OBD = Score(
    formula="w^2 v",
    compute=obd,
    reads=("exp_avg_sq",),
    memory=None,
    source="LeCun et al. 1990, with Adam's v as diagonal Fisher; adam-fisher in JaxPruner",
    equals="salpha at alpha 0.5, in rank",
    weakness="weights that are seldom trained look free",
    is_scale_invariant=True,
)


def salpha(alpha: float) -> Score:
    """|w| v^alpha: a path from magnitude (0) over bitter7 (1/4) to obd's ranks (1/2).

    Below 0 it keeps what moves least. Raises ValueError for an alpha that is not finite.
    """
    if not math.isfinite(alpha):
        raise ValueError(
            f"PRUNING_ALPHA={alpha} is no exponent; set it to a finite number, such as 0.25"
        )
    if alpha == 0:
        # v^0 is 1 also where v is 0, so v need not be there at all.
        return replace(MAGNITUDE, formula="|w| v^0", equals="magnitude, bit for bit")

    def compute(view: TensorView) -> Tensor:
        variance, weight = view.state["exp_avg_sq"], view.weight.abs()
        if alpha < 0:
            return (weight * padded(variance).pow_(alpha)).masked_fill_(weight == 0, 0.0)
        if alpha == 0.25:
            return bitter7(view)  # pow may differ in the last bit
        return weight.mul_(variance.pow(alpha))

    return Score(
        formula=f"|w| v^{alpha:g}",
        compute=compute,
        reads=("exp_avg_sq",),
        memory=None,
        source="one family for magnitude, bitter7 and obd",
        equals="bitter7, bit for bit" if alpha == 0.25 else "-",
        weakness="alpha < 0 prunes what trains fastest" if alpha < 0 else "one more setting",
        is_scale_invariant=True,
    )
