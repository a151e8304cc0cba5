"""Layer normalisation (Ba et al. 2016), with or without a bias."""

from torch import nn

# The published GPT-2's epsilon, which is also PyTorch's default; fixed here so that it stays so.
EPSILON = 1e-5


def layer_norm(n_embd: int, bias: bool) -> nn.Module:
    """A layer norm over the last dimension of x_BTC."""
    return nn.LayerNorm(n_embd, eps=EPSILON, bias=bias)
