"""Gates: numbers a model learns beside its matrices, and the coefficient that wakes them up."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# No gate falls below this, so that its gradient never vanishes: a clamp at zero would be a trap
# from which no gradient leads out.
FLOOR = 1e-3

# What is left of a reciprocal gate that sleeps: enough for gradients to reach everything.
DORMANT = 0.01


class PositiveGate(nn.Module):
    """w = FLOOR + softplus(theta), in float32."""

    def __init__(self, initial: float, shape: tuple[int, ...]) -> None:
        """initial: w > FLOOR; shape: () or [H]."""
        super().__init__()
        self.theta = nn.Parameter(torch.full(shape, math.log(math.expm1(initial - FLOOR))))

    def forward(self) -> Tensor:
        return FLOOR + F.softplus(self.theta)


class BoundedGate(nn.Module):
    """low + (high - low) sigmoid(phi): never outside, and with a gradient everywhere inside."""

    def __init__(self, initial: float, low: float, high: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.low, self.high = low, high
        share = (initial - low) / (high - low)
        self.phi = nn.Parameter(torch.full(shape, math.log(share / (1 - share))))

    def forward(self) -> Tensor:
        return self.low + (self.high - self.low) * torch.sigmoid(self.phi)


class ReciprocalPair(nn.Module):
    """w_std and w_rec, and how far w_rec is awake: w_eff = awake * w_rec."""

    awake: Tensor

    def __init__(self, standard: float, reciprocal: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.std = PositiveGate(standard, shape)
        self.rec = PositiveGate(reciprocal, shape)
        # A tensor, so that a compiled step does not take it for a constant, and in the checkpoint.
        self.register_buffer("awake", torch.ones(()))

    def forward(self) -> tuple[Tensor, Tensor]:
        """w_std and w_eff, of the gates' shape."""
        return self.std(), self.awake * self.rec()
