"""Causal multi-head self-attention (Vaswani et al. 2017, section 3.2), as in GPT-2."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.blocked_attention import blocked_attention

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

    def forward(self, x_BTC: Tensor) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        y_BTC = attend(self.qkv(x_BTC), self.n_head, self.form, dropout)
        return self.residual_dropout(self.projection(y_BTC))


def attend(qkv_BT3C: Tensor, n_head: int, form: Form, dropout: float) -> Tensor:
    """Causal attention of all heads, [B, T, C]; `qkv_BT3C` holds queries, keys and values."""
    if form == "blocked":
        assert dropout == 0, "blocked attention has no dropout"
        return blocked_attention(qkv_BT3C, n_head)
    B, T, C3 = qkv_BT3C.shape
    C = C3 // 3
    heads = (B, T, n_head, C // n_head)
    q_BHTD, k_BHTD, v_BHTD = (
        part_BTC.view(heads).transpose(1, 2) for part_BTC in qkv_BT3C.split(C, dim=2)
    )
    if form == "fused":
        y_BHTD = F.scaled_dot_product_attention(
            q_BHTD, k_BHTD, v_BHTD, dropout_p=dropout, is_causal=True
        )
    else:
        y_BHTD = plain_attention(q_BHTD, k_BHTD, v_BHTD, dropout)
    return y_BHTD.transpose(1, 2).reshape(B, T, C)


def plain_attention(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, dropout: float) -> Tensor:
    """softmax(q k^T / sqrt(D), causal) v, with the T x T scores in memory."""
    T, D = q_BHTD.shape[-2:]
    scores_BHTT = q_BHTD @ k_BHTD.transpose(-2, -1) / math.sqrt(D)
    future_TT = torch.ones(T, T, dtype=torch.bool, device=q_BHTD.device).triu(1)
    weights_BHTT = scores_BHTT.masked_fill(future_TT, float("-inf")).softmax(dim=-1)
    return F.dropout(weights_BHTT, dropout).to(v_BHTD.dtype) @ v_BHTD
