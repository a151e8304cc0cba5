"""Causal multi-head self-attention (Vaswani et al. 2017, section 3.2), as in GPT-2."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.blocked_attention import blocked_attention
from gpt2.components.cache import LayerCache

# The same function computed in three ways: by PyTorch's fused kernels, of which it or a context
# chooses one; by blocks of queries; with the whole score matrix, by formula.
Form = Literal["fused", "blocked", "plain"]


class CausalSelfAttention(nn.Module):
    """One projection gives queries, keys and values; each token attends to itself and before."""

    def __init__(self, n_embd: int, n_head: int, bias: bool, dropout: float, fused: bool) -> None:
        """`fused`: the first form, else the plain one; `form` may be set to another at any time."""
        super().__init__()
        assert n_embd % n_head == 0, (n_embd, n_head)
        self.n_head = n_head
        self.dropout = dropout
        self.form: Form = "fused" if fused else "plain"
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.projection = nn.Linear(n_embd, n_embd, bias=bias)
        self.residual_dropout = nn.Dropout(dropout)

    def forward(self, x_BTC: Tensor, cache: LayerCache | None = None) -> Tensor:
        """With a cache, x_BTC are the tokens after those that are in it."""
        dropout = self.dropout if self.training else 0.0
        y_BTC = attend(self.qkv(x_BTC), self.n_head, self.form, dropout, cache)
        return self.residual_dropout(self.projection(y_BTC))


def attend(
    qkv_BT3C: Tensor, n_head: int, form: Form, dropout: float, cache: LayerCache | None = None
) -> Tensor:
    """Causal attention of all heads, [B, T, C]; `qkv_BT3C` holds queries, keys and values.

    A cache holds the keys and values of earlier tokens, and is given those of these.
    """
    if form == "blocked" and cache is None:
        return blocked_attention(qkv_BT3C, n_head, dropout)
    B, T, C3 = qkv_BT3C.shape
    C = C3 // 3
    heads = (B, T, n_head, C // n_head)
    q_BHTD, k_BHSD, v_BHSD = (
        part_BTC.view(heads).transpose(1, 2) for part_BTC in qkv_BT3C.split(C, dim=2)
    )
    if cache is not None:
        k_BHSD, v_BHSD = cache.extend(k_BHSD, v_BHSD)
    S = k_BHSD.shape[2]
    # Fused kernels know a triangle and no mask, not a triangle that begins at a later key.
    if form != "plain" and T in (1, S):
        y_BHTD = F.scaled_dot_product_attention(
            q_BHTD, k_BHSD, v_BHSD, dropout_p=dropout, is_causal=T == S
        )
    else:
        y_BHTD = plain_attention(q_BHTD, k_BHSD, v_BHSD, dropout)
    return y_BHTD.transpose(1, 2).reshape(B, T, C)


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
