"""Normalization of each token's channels, [..., C] -> [..., C].

layernorm          (x - mean) / sqrt(variance + eps) * weight + bias    Ba et al. 2016
layernorm-nobias   the same without the bias
rmsnorm            x / sqrt(mean(x^2) + eps) * weight                   Zhang and Sennrich 2019
"""

from collections.abc import Callable

from torch import nn

# Of the published GPT-2, and PyTorch's default; fixed here so that it stays so. LLaMA's RMSNorm
# has 1e-6 in its first version and 1e-5 since the second.
EPSILON = 1e-5


def rms_norm(width: int) -> nn.Module:
    """Without a mean and without a bias."""
    return nn.RMSNorm(width, eps=EPSILON)


NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "layernorm": lambda width: nn.LayerNorm(width, eps=EPSILON, bias=True),
    "layernorm-nobias": lambda width: nn.LayerNorm(width, eps=EPSILON, bias=False),
    "rmsnorm": rms_norm,
}
"""By its name, what makes one for a width."""
