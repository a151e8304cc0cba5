"""Sums of a magnitude and of tz, the rate at which Adam moves a weight toward zero.

    tz = sign(w) m / sqrt(v): positive where the optimizer's next step shrinks |w|

The terms have different units: on GPT-2 the 0.1 |w| of bitter5 is a 170th of the spread of tz and
the first term of bitter9 a 500th, so that both rank by tz alone. `normalise` divides tz, and what
it is weighed against, by their root mean square over the tensor; the factor 0.1 stays.

These scores are negative for many weights, and above the 0 of a pruned weight for others.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from lib.pruning.scores.momentum import bitter3
from lib.pruning.scores.protocol import Score, TensorView
from lib.pruning.scores.ratio import finite, over_root

MINOR = 0.1  # weight of the minor term in both formulas


def toward_zero(view: TensorView) -> Tensor:
    """tz, a new tensor; 0 where w or m is 0."""
    return over_root(view.weight.sign().mul_(view.state["exp_avg"]), view.state["exp_avg_sq"])


def unit(term: Tensor) -> Tensor:
    """The term over its root mean square, in place; a term that is all zero stays so."""
    square = finite(term.square().mean())
    # A 0-D select and not an `if`: no wait for the device.
    return term.div_(square.where(square != 0, square.new_ones(())).sqrt_())


def unchanged(term: Tensor) -> Tensor:
    """The term as the documented formula has it."""
    return term


def bitter5_scores(view: TensorView, scale: Callable[[Tensor], Tensor]) -> Tensor:
    """-tz + 0.1 |w|, each of tz and |w| scaled."""
    return scale(toward_zero(view)).neg_().add_(scale(view.weight.abs()), alpha=MINOR)


def bitter9_scores(view: TensorView, scale: Callable[[Tensor], Tensor]) -> Tensor:
    """|w| sqrt(|m|) - 0.1 tz, each of |w| sqrt(|m|) and tz scaled."""
    return scale(bitter3(view)).sub_(scale(toward_zero(view)), alpha=MINOR)


def bitter5(normalise: bool) -> Score:
    """Prune what is driven toward zero. The first code of it had the sign the other way round."""
    return Score(
        formula="-tz/rms + 0.1 |w|/rms" if normalise else "-tz + 0.1 |w|",
        compute=partial(bitter5_scores, scale=unit if normalise else unchanged),
        reads=("exp_avg", "exp_avg_sq"),
        memory=None,
        source="AdamWPrune; tz = sign(w) m / sqrt(v)",
        equals="-" if normalise else "-tz in rank, on GPT-2",
        weakness="two draws of m share no more of their masks than chance",
        is_scale_invariant=True,
    )


def bitter9(normalise: bool) -> Score:
    """bitter3, less a little for what is driven toward zero."""
    return Score(
        formula="|w| sqrt(|m|)/rms - 0.1 tz/rms" if normalise else "|w| sqrt(|m|) - 0.1 tz",
        compute=partial(bitter9_scores, scale=unit if normalise else unchanged),
        reads=("exp_avg", "exp_avg_sq"),
        memory=None,
        source="AdamWPrune; tz = sign(w) m / sqrt(v)",
        equals="-" if normalise else "-tz in rank, on GPT-2",
        weakness="noise of m" if normalise else "depends on the scale of the gradients",
        is_scale_invariant=normalise,
    )
