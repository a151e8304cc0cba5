"""The spike clip: every element of the gradient into [-lim, lim], lim = sqrt(theta * v).

Where v == 0 there is no limit: otherwise a first gradient would be clipped to 0, v would stay 0
and the element would never train. Two forms with equal results: cache-sized pieces with reused
scratch on a processor (a pass over g and v, whatever else is done to them), foreach elsewhere.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

# Elements. Four pieces of fp32 (g, v, limit, scratch) fit 2 MiB of second-level cache. Measured
# for 124.5M elements: 2^17 is the fastest of 2^14 ... 2^18 on one thread and on two.
PIECE = 1 << 17
# Elements per round of the foreach form, so that its copies of g and v stay small.
BUCKET = 1 << 25


class SpikeClip:
    """Clips lists of gradients; keeps scratch of a few PIECEs between calls."""

    def __init__(self) -> None:
        self._scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(
        self, gradients: Sequence[Tensor], second_moments: Sequence[Tensor], ratios: Sequence[float]
    ) -> tuple[Tensor, Tensor]:
        """Clip each gradient in place to g^2 <= ratio * v, elementwise.

        gradients, second_moments: equal shapes, pair by pair, on one device; ratios: theta, or
        theta / (1 - beta2^n), a number per tensor. Returns two 0-D fp64 tensors: the number of
        elements clipped, and the sum of squares of all gradients afterwards.
        """
        form = clip_pieces if gradients[0].device.type == "cpu" else clip_foreach
        return form(gradients, second_moments, ratios, self._scratch)


def clip_pieces(
    gradients: Sequence[Tensor],
    second_moments: Sequence[Tensor],
    ratios: Sequence[float],
    scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """The form for a processor; see `SpikeClip`."""
    counts, squares = [], []
    for gradient, second_moment, ratio in zip(gradients, second_moments, ratios, strict=True):
        for g, v in _pieces(gradient, second_moment):
            limit, other, exceeds = _buffers(g, scratch)
            torch.mul(v, ratio, out=limit)
            torch.threshold_(limit, 0.0, torch.inf)
            limit.sqrt_()
            # Counted in floats: comparing into bools and adding those takes three times as long.
            torch.gt(torch.abs(g, out=other), limit, out=exceeds)
            counts.append(exceeds.sum())
            torch.clamp(g, torch.neg(limit, out=other), limit, out=g)
            squares.append(torch.linalg.vector_norm(g, dtype=exceeds.dtype))
    return _total(counts), _total(squares, power=2)


def clip_foreach(
    gradients: Sequence[Tensor],
    second_moments: Sequence[Tensor],
    ratios: Sequence[float],
    scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """The form for an accelerator, which has no use for the scratch; see `SpikeClip`."""
    counts, squares = [], []
    for indices in _buckets(gradients):
        g = [gradients[i] for i in indices]
        limits = torch._foreach_mul(
            [second_moments[i] for i in indices], [ratios[i] for i in indices]
        )
        for limit in limits:
            torch.threshold_(limit, 0.0, torch.inf)
        torch._foreach_sqrt_(limits)
        # 1 where |g| > limit, else 0.
        exceeds = torch._foreach_abs(g)
        torch._foreach_sub_(exceeds, limits)
        torch._foreach_sign_(exceeds)
        torch._foreach_clamp_min_(exceeds, 0.0)
        counts += torch._foreach_norm(exceeds, 1, dtype=_accumulation_dtype(g[0]))
        del exceeds
        torch._foreach_minimum_(g, limits)
        torch._foreach_neg_(limits)
        torch._foreach_maximum_(g, limits)
        squares += torch._foreach_norm(g, 2, dtype=_accumulation_dtype(g[0]))
    return _total(counts), _total(squares, power=2)


def _pieces(gradient: Tensor, second_moment: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of flat pieces, or the pair itself where the layouts do not allow a flat view."""
    if gradient.is_contiguous() and second_moment.is_contiguous():
        yield from zip(
            gradient.view(-1).split(PIECE), second_moment.view(-1).split(PIECE), strict=True
        )
    else:
        yield gradient, second_moment


def _buffers(
    piece: Tensor, scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Two buffers like the piece and one to count in."""
    counted = _accumulation_dtype(piece)
    if piece.dim() != 1 or piece.numel() > PIECE:
        return (
            torch.empty_like(piece),
            torch.empty_like(piece),
            torch.empty_like(piece, dtype=counted),
        )
    if piece.dtype not in scratch:
        empty = [torch.empty(PIECE, dtype=dtype) for dtype in (piece.dtype, piece.dtype, counted)]
        scratch[piece.dtype] = (empty[0], empty[1], empty[2])
    limit, other, exceeds = scratch[piece.dtype]
    length = piece.numel()
    return limit[:length], other[:length], exceeds[:length]


def _accumulation_dtype(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[int]]:
    """Runs of indices of one dtype and at most BUCKET elements together, or one large tensor."""
    bucket: list[int] = []
    size = 0
    for i, tensor in enumerate(tensors):
        if bucket and (size + tensor.numel() > BUCKET or tensor.dtype != tensors[bucket[0]].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(i)
        size += tensor.numel()
    if bucket:
        yield bucket


def _total(values: list[Tensor], power: int = 1) -> Tensor:
    """The sum of 0-D tensors to a power, in double precision."""
    return torch.stack([value.double() for value in values]).pow(power).sum()
