"""What a keep score is: a formula over one tensor, and what must be there to evaluate it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TensorView:
    """All that a score may look at; the tensors are fp32 and must not be written."""

    name: str
    """Of the tensor, for messages."""
    weight: Tensor
    state: Mapping[str, Tensor]
    """The score's `reads` out of the optimizer state; "step" is 0-D."""
    memory: Tensor | None
    """What the score's own memory holds for this tensor; None if it keeps none."""
    beta1: float | None
    """Decay of the first moment; None for an optimizer without one."""
    seed: int
    """Of this tensor, in [0, 2^63); for scores that draw."""


@dataclass(frozen=True)
class Memory:
    """One fp32 tensor beside each weight that a score keeps over the steps."""

    initial: Callable[[Tensor], Tensor]
    """initial(weight at the start of the run) -> a new fp32 tensor of its shape."""
    observe: Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor], float], None] | None
    """observe(memories, weights, gradients, learning_rate), in place, before each optimizer step
    with gated, unclipped gradients; None: the memory never changes."""


@dataclass(frozen=True)
class Score:
    """A keep score; the smallest are pruned. Scores may be negative."""

    formula: str
    """In ASCII; w, m, v are the weight and the optimizer's first and second moment."""
    compute: Callable[[TensorView], Tensor]
    """A new fp32 tensor of the weight's shape; the same bits at every call."""
    reads: tuple[str, ...]
    """Names of the optimizer state it needs."""
    memory: Memory | None
    source: str
    """Where the formula is from."""
    equals: str
    """What it coincides with, and when; "-": nothing."""
    weakness: str
    """What to expect going wrong; "-": nothing known."""
    is_scale_invariant: bool
    """Whether all gradients times a constant leave every mask as it was."""
