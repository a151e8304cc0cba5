"""Causal multi-head self-attention (Vaswani et al. 2017, section 3.2), as in GPT-2."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.cache import LayerCache


class CausalSelfAttention(nn.Module):
    """One projection gives queries, keys and values; each token attends to itself and before."""

    def __init__(self, n_embd: int, n_head: int, bias: bool, dropout: float, fused: bool) -> None:
        """`fused` lets PyTorch choose a kernel; without it the score matrix is formed plainly."""
        super().__init__()
        assert n_embd % n_head == 0, (n_embd, n_head)
        self.n_head = n_head
        self.dropout = dropout
        self.fused = fused
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.projection = nn.Linear(n_embd, n_embd, bias=bias)
        self.residual_dropout = nn.Dropout(dropout)

    def forward(self, x_BTC: Tensor, cache: LayerCache | None = None) -> Tensor:
        """With a cache, x_BTC are the tokens after those that are in it."""
        B, T, C = x_BTC.shape
        heads = (B, T, self.n_head, C // self.n_head)
        q_BHTD, k_BHTD, v_BHTD = (
            part_BTC.view(heads).transpose(1, 2) for part_BTC in self.qkv(x_BTC).split(C, dim=2)
        )
        dropout = self.dropout if self.training else 0.0
        if cache is not None:
            k_BHTD, v_BHTD = cache.extend(k_BHTD, v_BHTD)
        S = k_BHTD.shape[2]
        # Fused kernels know a triangle and no mask, not a triangle that begins at a later key.
        if self.fused and T in (1, S):
            y_BHTD = F.scaled_dot_product_attention(
                q_BHTD, k_BHTD, v_BHTD, dropout_p=dropout, is_causal=T == S
            )
        else:
            y_BHTD = plain_attention(q_BHTD, k_BHTD, v_BHTD, dropout)
        y_BTC = y_BHTD.transpose(1, 2).reshape(B, T, C)
        return self.residual_dropout(self.projection(y_BTC))


def plain_attention(q_BHTD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, dropout: float) -> Tensor:
    """softmax(q k^T / sqrt(D), causal) v, with the T x S scores in memory.

    The T queries are those of the last T of S tokens.
    """
    T, D = q_BHTD.shape[-2:]
    scores_BHTS = q_BHTD @ k_BHSD.transpose(-2, -1) / math.sqrt(D)
    past_TS = causal_mask(T, k_BHSD.shape[-2], q_BHTD.device)
    weights_BHTS = scores_BHTS.masked_fill(~past_TS, float("-inf")).softmax(dim=-1)
    return F.dropout(weights_BHTS, dropout).to(v_BHSD.dtype) @ v_BHSD


def causal_mask(T: int, S: int, device: torch.device) -> Tensor:
    """True where the i-th of the last T of S tokens may look: at itself and before. [T, S]."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)
