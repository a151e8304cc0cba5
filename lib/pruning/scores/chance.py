"""The floor of every comparison: a criterion that random pruning beats has a sign wrong."""

import torch
from torch import Tensor

from lib.pruning.scores.protocol import Score, TensorView


def chance(view: TensorView) -> Tensor:
    """Uniform in [0, 1), from a generator of its own, so that no other stream moves.

    Drawn on the CPU: the same bits on every device, and at every event.
    """
    generator = torch.Generator().manual_seed(view.seed)
    drawn = torch.rand(view.weight.shape, generator=generator, dtype=torch.float32)
    return drawn.to(view.weight.device)


RANDOM = Score(
    formula="U(0, 1)",
    compute=chance,
    reads=(),
    memory=None,
    source="the floor of every comparison",
    equals="-",
    weakness="knows nothing",
    is_scale_invariant=True,
)
