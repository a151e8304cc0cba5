"""Training FLOPs per token, forward and backward, by the PaLM convention.

    6 N + 12 L H Q T

(Chowdhery et al. 2022, appendix B) with N every parameter once except the position embedding, L
layers, H heads of size Q, T the block size: attention counted in full, without its causal half.
GPT-2 124M, T = 1024: 0.8554 GFLOP (vocabulary 50304). It exceeds the exact matrix products by
0.085 % there (biases and norms are in N), by up to 0.8 % on tiny models.

Masked weights are never subtracted: the dense kernel still does the work.
"""

from collections.abc import Iterable

from torch import nn

POSITION_EMBEDDING = "position_embedding."  # a table look-up, no multiplication


def matmul_parameters(named_parameters: Iterable[tuple[str, nn.Parameter]]) -> int:
    """N: elements of every parameter once, a tied one too, without the position embedding."""
    counted: dict[int, int] = {}
    for name, parameter in named_parameters:
        if not name.startswith(POSITION_EMBEDDING):
            counted[id(parameter)] = parameter.numel()
    return sum(counted.values())


def flops_per_token(
    *, matmul_parameters: int, n_layer: int, n_head: int, n_embd: int, block_size: int
) -> int:
    """Training FLOPs per token; matmul_parameters: as the function of that name counts them."""
    head_size = n_embd // n_head
    return 6 * matmul_parameters + 12 * n_layer * n_head * head_size * block_size
