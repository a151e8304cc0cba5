"""The spike clip: every element of the gradient into [-lim, lim], lim = sqrt(theta * v).

Where v == 0 there is no limit: otherwise a first gradient would be clipped to 0, v would stay 0
and the element would never train. Two forms with equal results: cache-sized pieces on all cores of
a processor (a pass over g and v, whatever else is done to them), foreach elsewhere.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lib.norms import accumulation_dtype, partial_norms, sum_of_squares
from lib.optimizers.kernels import PIECE
from lib.workers import in_threads, workers_for

# Pieces that share their buffers: 4M elements, so that large tensors too are spread over cores.
RUN = 32
# Elements per round of the foreach form, so that its copies of g and v stay small.
BUCKET = 1 << 25

Piece = tuple[Tensor, Tensor, float]


def clip_spikes(
    gradients: Sequence[Tensor], second_moments: Sequence[Tensor], ratios: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Clip each gradient in place to g^2 <= ratio * v, elementwise.

    gradients, second_moments: equal shapes, pair by pair, on one device; ratios: theta, or
    theta / (1 - beta2^n), a number per tensor. Returns two 0-D fp64 tensors: the number of
    elements clipped, and the sum of squares of all gradients afterwards.
    """
    form = clip_pieces if gradients[0].device.type == "cpu" else clip_foreach
    return form(gradients, second_moments, ratios)


def clip_pieces(
    gradients: Sequence[Tensor], second_moments: Sequence[Tensor], ratios: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The form for a processor; see `clip_spikes`.

    By plain threads: each operation is so short that a team of threads would spend much of its
    time waiting for its members, above all on cores that have other work too.
    """
    pieces = [
        piece
        for tensors in zip(gradients, second_moments, ratios, strict=True)
        for piece in _pieces(*tensors)
    ]
    runs = [pieces[i : i + RUN] for i in range(0, len(pieces), RUN)]
    totals = torch.stack(in_threads(_clip_run, runs, workers_for(gradients))).sum(0)
    return totals[0], totals[1]


def _clip_run(pieces: Sequence[Piece]) -> Tensor:
    """Clip some pieces; returns (clipped elements, sum of squares afterwards), fp64."""
    counts, norms = [], []
    scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]] = {}
    for g, v, ratio in pieces:
        limit, other, exceeds = _buffers(g, scratch)
        torch.mul(v, ratio, out=limit)
        torch.threshold_(limit, 0.0, torch.inf)
        limit.sqrt_()
        # Counted in floats: comparing into bools and adding those takes three times as long.
        torch.gt(torch.abs(g, out=other), limit, out=exceeds)
        counts.append(exceeds.sum())
        torch.clamp(g, torch.neg(limit, out=other), limit, out=g)
        norms.append(partial_norms([g]))
    return torch.stack((_total(counts), sum_of_squares(torch.cat(norms))))


def _buffers(
    piece: Tensor, scratch: dict[torch.dtype, tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Two buffers like the piece and one to count in, from the scratch wherever they fit."""
    counted = accumulation_dtype(piece)
    if piece.dim() != 1 or piece.numel() > PIECE:
        like = torch.empty_like
        return like(piece), like(piece), like(piece, dtype=counted)
    if piece.dtype not in scratch:
        first, second, third = (
            torch.empty(PIECE, dtype=dtype) for dtype in (piece.dtype, piece.dtype, counted)
        )
        scratch[piece.dtype] = first, second, third
    limit, other, exceeds = scratch[piece.dtype]
    length = piece.numel()
    return limit[:length], other[:length], exceeds[:length]


def clip_foreach(
    gradients: Sequence[Tensor], second_moments: Sequence[Tensor], ratios: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The form for an accelerator; see `clip_spikes`."""
    counts, norms = [], []
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
        counts += torch._foreach_norm(exceeds, 1, dtype=accumulation_dtype(g[0]))
        del exceeds
        torch._foreach_minimum_(g, limits)
        torch._foreach_neg_(limits)
        torch._foreach_maximum_(g, limits)
        norms.append(partial_norms(g))
    return _total(counts), sum_of_squares(torch.cat(norms))


def _pieces(gradient: Tensor, second_moment: Tensor, ratio: float) -> Iterator[Piece]:
    """Flat pieces with their ratio, or the pair itself where a layout allows no flat view."""
    if gradient.is_contiguous() and second_moment.is_contiguous():
        flat = (tensor.view(-1).split(PIECE) for tensor in (gradient, second_moment))
        for g, v in zip(*flat, strict=True):
            yield g, v, ratio
    else:
        yield gradient, second_moment, ratio


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[int]]:
    """Runs of indices of one dtype and at most BUCKET elements together, or one large tensor."""
    bucket: list[int] = []
    size = 0
    for i, tensor in enumerate(tensors):
        is_full = size + tensor.numel() > BUCKET
        if bucket and (is_full or tensor.dtype != tensors[bucket[0]].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(i)
        size += tensor.numel()
    if bucket:
        yield bucket


def _total(values: list[Tensor]) -> Tensor:
    """The sum of 0-D tensors, in double precision."""
    return torch.stack([value.double() for value in values]).sum()
