"""How weights are scored. Every criterion returns a keep score: the smallest are pruned.

Multiplicative scores are |w|^p |m|^q v^r, with m and v the optimizer's own `exp_avg` and
`exp_avg_sq`:

    magnitude, bitter1    |w|
    bitter0               w^2 |m| / sqrt(v)
    bitter7               |w| v^(1/4)

No eps in products: with (v + 1e-8)^(1/4) bitter7 is 97 to 99.9 % plain magnitude on GPT-2, since
v is about 5e-10 there. A division adds 1e-12 times the tensor's mean v, and 0/0 scores 0. So
gradients times a constant leave every one of these rankings as it was.

Scores may be negative; nothing that ranks them may assume otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

RELATIVE_EPS = 1e-12  # of the mean v: below fp32 resolution wherever v is not itself negligible
State = Mapping[str, Tensor]


def magnitude(weight: Tensor, state: State) -> Tensor:
    """|w|; Han et al. 2015."""
    return weight.abs()


def bitter0(weight: Tensor, state: State) -> Tensor:
    """w^2 |m| / sqrt(v): magnitude times how steadily the optimizer moves the weight."""
    variance = state["exp_avg_sq"]
    numerator = weight.square() * state["exp_avg"].abs()
    score = numerator / (variance + RELATIVE_EPS * variance.mean()).sqrt()
    return score.masked_fill_(numerator == 0, 0.0)  # 0/0: nothing moves it, nothing is lost


def bitter7(weight: Tensor, state: State) -> Tensor:
    """|w| v^(1/4), the geometric mean of magnitude and sqrt(w^2 v)."""
    return weight.abs() * state["exp_avg_sq"].sqrt().sqrt()


@dataclass(frozen=True)
class Score:
    """One line of the registry."""

    formula: str
    """For the generated tables."""
    compute: Callable[[Tensor, State], Tensor]
    """compute(weight, state) -> scores of the weight's shape; all tensors fp32."""
    reads: tuple[str, ...] = ()
    """Names of the optimizer state it needs."""


SCORES: dict[str, Score] = {
    "magnitude": Score("|w|", magnitude),
    "bitter0": Score("w^2 |m| / sqrt(v)", bitter0, ("exp_avg", "exp_avg_sq")),
    # The same function, not a copy: magnitude on AdamW and bitter1 must agree bit for bit.
    "bitter1": Score("|w|", magnitude),
    "bitter7": Score("|w| v^(1/4)", bitter7, ("exp_avg_sq",)),
}


def keep_scores(score: Score, name: str, weight: Tensor, state: State) -> Tensor:
    """Scores of one tensor, fp32, of the weight's shape.

    name: of the tensor, for the message; state: optimizer state with the score's `reads`.
    Raises ValueError if a score is NaN or infinite: no order of such scores means anything.
    """
    result = score.compute(weight.float(), {key: state[key].float() for key in score.reads})
    assert result.shape == weight.shape
    if result.numel():
        # NaN propagates through both ends, so this is isfinite().all() in one cheap pass.
        ends = torch.stack(torch.aminmax(result))
        if not bool(ends.isfinite().all()):
            raise ValueError(
                f"the pruning score {score.formula} of {name} is not finite; the run has "
                "diverged or its moments overflow: lower LEARNING_RATE or look for the spike"
            )
    return result
