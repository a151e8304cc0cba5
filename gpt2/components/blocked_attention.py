"""Causal attention by blocks of queries, from plain matrix products: for bfloat16 on a processor.

    y[a:e] = softmax(q[a:e] k[:e]^T / sqrt(D), causal) v[:e]    for each block a:e of queries

PyTorch's fused kernel for processors computes the same with its own small matrix products, which
reach a third of the rate that oneDNN's batched products have in bfloat16 (docs/speed.md). Blocks of
queries see only the keys up to their own end, so most of the causal half is never computed.

Not the same bits: the scores are rounded to bfloat16 before the softmax, as in other plain
implementations; the fused kernel keeps them in float32. Nor the same memory: the weights are kept
for the backward pass, T x T / 2 of them for each head, where the fused kernel computes them again.

`torch._softmax` and its backward are what `softmax` calls; autocast knows them not by these names.

Shapes: B sequences, H heads, T tokens, D channels a head, N = B x H, R rows of a block.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

# Queries in a block: the fastest of 32 to 512 at T of 256 to 1024, and within 3 % at T = 128.
ROWS = 128


class _BlockedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv_3NTD: Tensor, dropout: float, rows: int) -> Tensor:
        T = qkv_3NTD.shape[2]
        q_NTD, k_NTD, v_NTD = qkv_3NTD.unbind(0)
        y_NTD = torch.empty_like(q_NTD)
        weights, kept = [], []
        for start, end in _blocks(T, rows):
            scores_NRE = torch.baddbmm(
                q_NTD.new_empty(1),
                q_NTD[:, start:end],
                k_NTD[:, :end].transpose(1, 2),
                beta=0,  # so the first argument is not read
                alpha=1 / math.sqrt(q_NTD.shape[2]),
            )
            # Only in the last columns, those of the block itself, is there a future.
            scores_NRE[:, :, start:] += _future(end - start, scores_NRE)
            weights_NRE = torch._softmax(scores_NRE, -1, half_to_float=False)
            weights.append(weights_NRE)
            if dropout > 0:
                weights_NRE, kept_NRE = torch.native_dropout(weights_NRE, dropout, True)
                kept.append(kept_NRE)
            y_NTD[:, start:end] = weights_NRE @ v_NTD[:, :end]
        ctx.save_for_backward(qkv_3NTD, *weights, *kept)
        ctx.dropout, ctx.rows = dropout, rows
        return y_NTD

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # Contiguous although one sequence would do without: products of strided rows are slower.
        dy_NTD = gradients[0].contiguous()
        T = dy_NTD.shape[1]
        blocks = list(_blocks(T, ctx.rows))
        qkv_3NTD, *saved = ctx.saved_tensors
        weights, kept = saved[: len(blocks)], saved[len(blocks) :]
        q_NTD, k_NTD, v_NTD = qkv_3NTD.unbind(0)
        gradient_3NTD = torch.empty_like(qkv_3NTD)
        dq_NTD, dk_NTD, dv_NTD = gradient_3NTD.unbind(0)
        scale = 1 / math.sqrt(q_NTD.shape[2])
        # From the last block on: it sees every key, so it fills what the others add to.
        for place, (start, end) in reversed(list(enumerate(blocks))):
            p_NRE = used_NRE = weights[place]
            dy_NRD = dy_NTD[:, start:end]
            dp_NRE = dy_NRD @ v_NTD[:, :end].transpose(1, 2)
            if kept:
                # What was dropped is zero, the rest larger by this factor: so are the gradients.
                factor = kept[place].to(p_NRE.dtype).div_(1 - ctx.dropout)
                used_NRE = p_NRE * factor
                dp_NRE *= factor
            ds_NRE = torch._softmax_backward_data(dp_NRE, p_NRE, -1, p_NRE.dtype)
            dq_NTD[:, start:end] = ds_NRE @ k_NTD[:, :end]
            of_keys_NED = ds_NRE.transpose(1, 2) @ q_NTD[:, start:end]
            of_values_NED = used_NRE.transpose(1, 2) @ dy_NRD
            if end == T:
                dk_NTD.copy_(of_keys_NED)
                dv_NTD.copy_(of_values_NED)
            else:
                dk_NTD[:, :end] += of_keys_NED
                dv_NTD[:, :end] += of_values_NED
        gradient_3NTD[:2] *= scale
        return gradient_3NTD, None, None


def blocked_attention(
    q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, dropout: float = 0.0, rows: int = ROWS
) -> Tensor:
    """Causal self-attention of all heads, [B, H, T, D], in the dtype of the queries.

    dropout: the share of the weights that is set to zero, drawn from PyTorch's global stream.
    """
    # One copy of all three, contiguous: products of strided rows are slower.
    qkv_3BHTD = torch.stack((q_BHTD, k_BHTD, v_BHTD))
    y_NTD = _BlockedAttention.apply(qkv_3BHTD.flatten(1, 2), dropout, rows)
    return y_NTD.view(q_BHTD.shape)


def _blocks(length: int, rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + rows, length)) for start in range(0, length, rows))


def _future(rows: int, like: Tensor) -> Tensor:
    """[R, R]: -inf above the diagonal, 0 elsewhere."""
    return torch.full((rows, rows), float("-inf"), dtype=like.dtype, device=like.device).triu(1)
