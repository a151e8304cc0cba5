"""Causal multi-head self-attention (Vaswani et al. 2017, section 3.2), as in GPT-2 and LLaMA.

Shapes: B sequences, T queries, S keys, C channels, H heads, K heads of keys and values, D = C / H.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.components.blocked_attention import blocked_attention
from gpt2.components.cache import LayerCache
from gpt2.components.normalization import rms_norm
from gpt2.components.position import Rotation
from gpt2.shape import Shape

# The same function computed in three ways: by PyTorch's fused kernels, of which it or a context
# chooses one; by blocks of queries; with the whole score matrix, by formula.
Form = Literal["fused", "blocked", "plain"]

BACKENDS: dict[str, Form] = {"sdpa": "fused", "manual": "plain"}
"""By its name, the form that a model begins with; `CausalSelfAttention.form` may be set later."""


class CausalSelfAttention(nn.Module):
    """One projection gives queries, keys and values; each token attends to itself and before.

    With fewer heads of keys and values each serves several heads of queries in a row (grouped
    queries, Ainslie et al. 2023). QK-norm: RMSNorm over the channels of each head of queries and
    keys, before any rotation (Dehghani et al. 2023, section 2; as in Qwen3).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        assert shape.n_embd % shape.n_head == 0, (shape.n_embd, shape.n_head)
        assert shape.n_head % shape.n_kv_head == 0, (shape.n_head, shape.n_kv_head)
        self.n_head = shape.n_head
        self.n_kv_head = shape.n_kv_head
        self.head_size = shape.head_size
        self.dropout = shape.dropout
        self.form: Form = BACKENDS[shape.attention_backend]
        # The rows in this order: queries, keys, values, each head after head.
        rows = (shape.n_head + 2 * shape.n_kv_head) * shape.head_size
        self.qkv = nn.Linear(shape.n_embd, rows, bias=shape.bias)
        self.projection = nn.Linear(shape.n_embd, shape.n_embd, bias=shape.bias)
        self.residual_dropout = nn.Dropout(shape.dropout)
        if shape.qk_norm:
            self.query_norm = rms_norm(shape.head_size)
            self.key_norm = rms_norm(shape.head_size)
        self.has_qk_norm = shape.qk_norm

    def forward(
        self, x_BTC: Tensor, rotation: Rotation | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """rotation: of the positions of x_BTC. With a cache they come after those that are in it,
        and are added to it."""
        y_BHTD = self.attend(*self.heads(x_BTC, rotation), cache)
        y_BTC = y_BHTD.transpose(1, 2).reshape(x_BTC.shape)
        return self.residual_dropout(self.projection(y_BTC))

    def attend(
        self, q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor, cache: LayerCache | None
    ) -> Tensor:
        """What each head gives, [B, H, T, D]."""
        dropout = self.dropout if self.training else 0.0
        return attend(q_BHTD, k_BKTD, v_BKTD, self.form, dropout, cache)

    def heads(self, x_BTC: Tensor, rotation: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, T, D], keys and values [B, K, T, D]."""
        sizes = [self.n_head, self.n_kv_head, self.n_kv_head]
        parts = self.qkv(x_BTC).split([heads * self.head_size for heads in sizes], dim=2)
        q_BHTD, k_BKTD, v_BKTD = (
            part.unflatten(2, (heads, self.head_size)).transpose(1, 2)
            for part, heads in zip(parts, sizes, strict=True)
        )
        if self.has_qk_norm:
            # In float32 or more: autocast leaves a norm of what a product gave in bfloat16.
            exact = torch.promote_types(q_BHTD.dtype, torch.float32)
            q_BHTD = self.query_norm(q_BHTD.to(exact)).to(v_BKTD.dtype)
            k_BKTD = self.key_norm(k_BKTD.to(exact)).to(v_BKTD.dtype)
        if rotation is not None:
            q_BHTD, k_BKTD = rotation.turn(q_BHTD), rotation.turn(k_BKTD)
        return q_BHTD, k_BKTD, v_BKTD


def attend(
    q_BHTD: Tensor,
    k_BKTD: Tensor,
    v_BKTD: Tensor,
    form: Form,
    dropout: float,
    cache: LayerCache | None = None,
) -> Tensor:
    """Causal attention of all heads, [B, H, T, D], at scale 1 / sqrt(D).

    A cache holds the keys and values of earlier tokens, and is given those of these.
    """
    if cache is not None:
        k_BKTD, v_BKTD = cache.extend(k_BKTD, v_BKTD)
    H, K, T, S = q_BHTD.shape[1], k_BKTD.shape[1], q_BHTD.shape[2], k_BKTD.shape[2]
    if K < H:
        k_BKTD, v_BKTD = (x.repeat_interleave(H // K, dim=1) for x in (k_BKTD, v_BKTD))
    if form == "blocked" and cache is None:
        return blocked_attention(q_BHTD, k_BKTD, v_BKTD, dropout)
    # Fused kernels know a triangle and no mask, not a triangle that begins at a later key.
    if form != "plain" and T in (1, S):
        return F.scaled_dot_product_attention(
            q_BHTD, k_BKTD, v_BKTD, dropout_p=dropout, is_causal=T == S
        )
    return plain_attention(q_BHTD, k_BKTD, v_BKTD, dropout)


def plain_attention(q_BHTD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, dropout: float) -> Tensor:
    """softmax(q k^T / sqrt(D), causal) v, with the T x S scores in memory.

    The T queries are those of the last T of S tokens.
    """
    weights_BHTS = causal_weights(q_BHTD, k_BHSD)
    return F.dropout(weights_BHTS, dropout).to(v_BHSD.dtype) @ v_BHSD


def causal_weights(q_BHTD: Tensor, k_BHSD: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(D), causal), [B, H, T, S]; queries as in `plain_attention`."""
    T, D = q_BHTD.shape[-2:]
    scores_BHTS = q_BHTD @ k_BHSD.transpose(-2, -1) / math.sqrt(D)
    past_TS = causal_mask(T, k_BHSD.shape[-2], q_BHTD.device)
    return scores_BHTS.masked_fill(~past_TS, float("-inf")).softmax(dim=-1)


def causal_mask(T: int, S: int, device: torch.device) -> Tensor:
    """True where the i-th of the last T of S tokens may look: at itself and before. [T, S]."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)
