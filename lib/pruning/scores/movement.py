"""Scores with a memory: how a weight moved while it trained.

Both cost one fp32 number per prunable weight over the whole run. Designed for fine-tuning, where
the sign of a weight's movement says more than its size; in pre-training expect magnitude at best.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lib.pruning.scores.protocol import Memory, Score, TensorView


def zeros(weight: Tensor) -> Tensor:
    """Q at the start of the run."""
    return torch.zeros_like(weight, dtype=torch.float32)


def accumulate(
    memories: Sequence[Tensor],
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    learning_rate: float,
) -> None:
    """Q -= lr g w, before the optimizer's step: a weight that grows (g w < 0) gains score.

    Sources that accumulate +g w must keep what is low; only this sign exists here. The gradient
    of a pruned weight is gated, so that its score stays as it was.
    """
    torch._foreach_addcmul_(
        list(memories),
        [gradient.float() for gradient in gradients],
        [weight.detach().float() for weight in weights],
        value=-learning_rate,
    )


def movement(view: TensorView) -> Tensor:
    """Q."""
    assert view.memory is not None
    return view.memory.clone()


def first_weight(weight: Tensor) -> Tensor:
    """w0, the weight at the start of the run."""
    return weight.detach().to(torch.float32, copy=True)


def movement_displacement(view: TensorView) -> Tensor:
    """w (w - w0)."""
    assert view.memory is not None
    return (view.weight - view.memory).mul_(view.weight)


MOVEMENT = Score(
    formula="-sum over steps of lr g w",
    compute=movement,
    reads=(),
    memory=Memory(initial=zeros, observe=accumulate),
    source="Sanh et al. 2020",
    equals="-",
    weakness="made for fine-tuning; 4 bytes a prunable weight",
    is_scale_invariant=True,
)

MOVEMENT_DISPLACEMENT = Score(
    formula="w (w - w0)",
    compute=movement_displacement,
    reads=(),
    memory=Memory(initial=first_weight, observe=None),
    source="AdamWPrune, which calls it movement",
    equals="-",
    weakness="forgets the way between; 4 bytes a prunable weight",
    is_scale_invariant=True,
)
