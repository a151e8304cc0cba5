"""Products of |w| with powers of the first moment m (bitter0, 3, 4, 6, 8).

m averages about ten gradients, most of them noise: two draws of m give masks that agree on 78 %
(bitter0) and 80 % (bitter3) of a 50 % mask, where magnitude and the scores of v agree on all.
"""

import math
from dataclasses import replace

from torch import Tensor

from lib.pruning.scores.protocol import Score, TensorView
from lib.pruning.scores.ratio import over_root


def bitter0(view: TensorView) -> Tensor:
    """w^2 |m| / sqrt(v): magnitude times how steadily the optimizer moves the weight."""
    moment, variance = view.state["exp_avg"], view.state["exp_avg_sq"]
    return over_root(view.weight.square().mul_(moment.abs()), variance)


def bitter3(view: TensorView) -> Tensor:
    """|w| sqrt(|m|)."""
    return view.state["exp_avg"].abs().sqrt_().mul_(view.weight.abs())


def bitter6(view: TensorView) -> Tensor:
    """|w| sqrt(|m|) |m| / sqrt(v)."""
    moment, variance = view.state["exp_avg"], view.state["exp_avg_sq"]
    return over_root(bitter3(view).mul_(moment.abs()), variance)


def bitter8(view: TensorView) -> Tensor:
    """|w| sqrt(|m_hat|), m_hat = m / (1 - beta1^step).

    The correction multiplies bitter3 by one number, so no rounding can turn an order around.
    """
    assert view.beta1 is not None
    step = float(view.state["step"])
    assert step >= 1, "scored before the first optimizer step"
    return bitter3(view).div_(math.sqrt(1.0 - view.beta1**step))


BITTER0 = Score(
    formula="w^2 |m| / sqrt(v)",
    compute=bitter0,
    reads=("exp_avg", "exp_avg_sq"),
    memory=None,
    source="AdamWPrune",
    equals="-",
    weakness="noise of m; scales with a^2 where w -> a w",
    is_scale_invariant=True,
)

BITTER3 = Score(
    formula="|w| sqrt(|m|)",
    compute=bitter3,
    reads=("exp_avg",),
    memory=None,
    source="AdamWPrune; magnitude and first-order Taylor on the mean gradient",
    equals="-",
    weakness="noise of m",
    is_scale_invariant=True,
)

BITTER4 = replace(
    BITTER3,
    source="AdamWPrune",
    equals="bitter3 with distribution depth",
    weakness="noise of m; late blocks lose most",
)

BITTER6 = replace(
    BITTER3,
    formula="|w| sqrt(|m|) |m| / sqrt(v)",
    compute=bitter6,
    reads=("exp_avg", "exp_avg_sq"),
    source="AdamWPrune",
)

BITTER8 = replace(
    BITTER3,
    formula="|w| sqrt(|m_hat|)",
    compute=bitter8,
    reads=("exp_avg", "step"),
    source="AdamWPrune",
    equals="bitter3 where all tensors share the step",
)
