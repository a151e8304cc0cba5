"""Cross-entropy of the output head, whole or so many rows at a time.

Whole, the logits of a micro-batch exist in the dtype of the products, in float32, and once more as
the gradient: at V = 50304 that is 0.7 MB a token, more than all else of a GPT-2 124M. By rows, only
those of one chunk do: the gradient of a chunk is known as soon as its logits are, so the forward
pass computes it at once and keeps the gradients of the hidden states and of the head alone.
Nothing is computed twice. It is the same sum in another order: not the same bits.

On a processor it only costs time (docs/speed.md).

Shapes: N predictions, C channels, V vocabulary (padded), R rows of a chunk.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits_NV: Tensor, targets_N: Tensor, reduction: str) -> Tensor:
    """Nats, "mean" or "sum" over the predictions; 0-D float32.

    In float32 whatever the autocast: bfloat16 keeps two digits of a sum over V terms.
    """
    return F.cross_entropy(logits_NV.float(), targets_N, reduction=reduction)


def chunked_cross_entropy(
    hidden_NC: Tensor, weight_VC: Tensor, targets_N: Tensor, rows: int, reduction: str
) -> Tensor:
    """The same of `hidden @ weight.T`, with the logits of at most `rows` predictions at a time.

    The products have the dtype that autocast gives them, or that of `hidden_NC`.
    """
    device = hidden_NC.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    else:
        dtype = hidden_NC.dtype
    scale = 1 / len(targets_N) if reduction == "mean" else 1.0
    with torch.autocast(device, enabled=False):
        if torch.is_grad_enabled():
            return _ChunkedCrossEntropy.apply(hidden_NC, weight_VC, targets_N, rows, scale, dtype)
        hidden_NC, weight_VC = hidden_NC.to(dtype), weight_VC.to(dtype)
        wide = torch.promote_types(dtype, torch.float32)
        total = hidden_NC.new_zeros((), dtype=wide)
        for hidden_RC, targets_R in _chunks(hidden_NC, targets_N, rows):
            logits_RV = (hidden_RC @ weight_VC.T).to(wide)
            total += F.cross_entropy(logits_RV, targets_R, reduction="sum")
        return total * scale


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_NC: Tensor,
        weight_VC: Tensor,
        targets_N: Tensor,
        rows: int,
        scale: float,
        dtype: torch.dtype,
    ) -> Tensor:
        hidden, weight = hidden_NC.to(dtype), weight_VC.to(dtype)
        wide = torch.promote_types(dtype, torch.float32)
        total = hidden.new_zeros((), dtype=wide)
        of_hidden = []
        # At least float32: the products of the chunks are added to it one after the other.
        of_weight_VC = torch.zeros_like(weight_VC, dtype=wide)
        for hidden_RC, targets_R in _chunks(hidden, targets_N, rows):
            log_p_RV = (hidden_RC @ weight.T).to(wide).log_softmax(dim=1)
            total += F.nll_loss(log_p_RV, targets_R, reduction="sum")
            # d loss / d logits = p - 1 at the target, p elsewhere.
            gradient_RV = log_p_RV.exp_()
            gradient_RV.scatter_add_(
                1, targets_R[:, None], gradient_RV.new_full((len(targets_R), 1), -1.0)
            )
            gradient = gradient_RV.mul_(scale).to(dtype)
            of_hidden.append(gradient @ weight)
            of_weight_VC += gradient.T @ hidden_RC
        ctx.save_for_backward(torch.cat(of_hidden).to(hidden_NC.dtype), of_weight_VC)
        return total * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (factor,) = gradients
        of_hidden_NC, of_weight_VC = ctx.saved_tensors
        return of_hidden_NC * factor, of_weight_VC * factor, None, None, None, None


def _chunks(hidden: Tensor, targets: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(hidden.split(rows), targets.split(rows), strict=True)
