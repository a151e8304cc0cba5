"""Sparse momentum: between two resets only a random share of each block matrix is updated.

The gradient is gated before the moments see it. Moments are zero after a reset and stay zero where
the gate is closed, so this equals the compact state of the paper (arXiv 2501.06842)
without its bookkeeping, and without its saving of memory: the moments stay dense. Decay reaches
every weight.

A mask is a function of (seed, number of the draw, position of the tensor) and is not stored; it
differs between kinds of device, as random numbers do.
"""

import hashlib

import torch
from torch import Tensor


class DensityGate:
    """The masks of the current draw, made on first use: a byte per element."""

    def __init__(self, seed: int) -> None:
        """seed: of a stream of its own, so that no other randomness moves."""
        self._seed = seed
        self._masks: dict[int, tuple[int, Tensor]] = {}

    def gate(self, gradient: Tensor, *, position: int, draw: int, density: float) -> None:
        """Zero the closed elements of a gradient in place.

        position: the parameter's place in the optimizer; draw: 0 from the start, one more at
        each reset; density: share of open elements, in (0, 1).
        """
        if self._masks.get(position, (None,))[0] != draw:
            self._masks[position] = draw, self._mask(gradient, position, draw, density)
        gradient.mul_(self._masks[position][1])

    def _mask(self, like: Tensor, position: int, draw: int, density: float) -> Tensor:
        digest = hashlib.sha256(f"{self._seed}:{draw}:{position}".encode()).digest()
        generator = torch.Generator(like.device)
        generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        empty = torch.empty(like.shape, dtype=torch.bool, device=like.device)
        return empty.bernoulli_(density, generator=generator)
