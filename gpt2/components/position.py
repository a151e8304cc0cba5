"""How a model knows the order of its tokens.

    learned-absolute   a vector for each position, added to the token's embedding
    rope               queries and keys are turned by angles that grow with the position, so that
                       their product depends on the distance alone (Su et al. 2021, section 3.2)
    none               only by the causal mask (Haviv et al. 2022)

Shapes: B sequences, H heads, T tokens, C channels, D channels a head.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gpt2.shape import Shape


class Rotation(NamedTuple):
    """Cosines and sines of the angles of T positions, [T, D] each, float32."""

    cos_TD: Tensor
    sin_TD: Tensor

    def turn(self, x_BHTD: Tensor) -> Tensor:
        """Turn each pair of channels (i, i + D/2) by its angle; in float32, whatever autocast."""
        left, right = x_BHTD.float().chunk(2, dim=-1)
        across_BHTD = torch.cat((-right, left), dim=-1)
        return (x_BHTD * self.cos_TD + across_BHTD * self.sin_TD).to(x_BHTD.dtype)


def rotation(start: int, end: int, size: int, theta: float, device: torch.device) -> Rotation:
    """The angles of the positions from `start` to `end`: position / theta^(2 i / D).

    size: D, even. Pairs are halves apart, as in Hugging Face's LLaMA; the paper's are neighbours,
    which is the same with the channels in another order.
    """
    exponents = torch.arange(0, size, 2, device=device, dtype=torch.float32) / size
    positions = torch.arange(start, end, device=device, dtype=torch.float32)
    angles = torch.outer(positions, 1.0 / theta**exponents)
    angles_TD = torch.cat((angles, angles), dim=-1)
    return Rotation(angles_TD.cos(), angles_TD.sin())


class NoPositions(nn.Module):
    """Adds nothing to the embedding, and does nothing inside of attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def embed(self, x_BTC: Tensor, start: int) -> Tensor:
        """The embedded tokens from position `start` on, with what the position adds to them."""
        return x_BTC

    def rotation(self, start: int, end: int, device: torch.device) -> Rotation | None:
        """What every attention layer turns its queries and keys by; None for nothing."""
        return None


class LearnedPositions(nn.Embedding):
    """One vector a position, up to the block size."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.block_size, shape.n_embd)

    def embed(self, x_BTC: Tensor, start: int) -> Tensor:
        positions_T = torch.arange(start, start + x_BTC.shape[1], device=x_BTC.device)
        return x_BTC + self(positions_T)

    def rotation(self, start: int, end: int, device: torch.device) -> None:
        return None


class RotaryPositions(NoPositions):
    """No parameters: angles are computed once a forward pass, for all layers."""

    def rotation(self, start: int, end: int, device: torch.device) -> Rotation:
        assert self.shape.rope_theta is not None
        return rotation(start, end, self.shape.head_size, self.shape.rope_theta, device)


POSITIONS: dict[str, type[NoPositions] | type[LearnedPositions]] = {
    "learned-absolute": LearnedPositions,
    "rope": RotaryPositions,
    "none": NoPositions,
}
"""By its name, what makes one for a shape."""
