"""Which weights lose: exactly the k smallest scores, by two histograms of their bits.

Finite fp32 scores order as their bits do, taken as sign and magnitude. Pass 1 counts the top 16
bits and finds the bin that holds rank k; pass 2 counts the low 16 bits inside that bin. The
result is the exact k-th smallest score and how many scores equal to it must go; each score is
then compared with it. No sort, no sample, no index list: of 85M scores the threshold takes 0.3 s
of CPU time, `kthvalue` 1.5 s, sorting 11 s.

Ties go lowest (tensor, flat index) first. The bins are int64 counts, so parts of a tensor, one
per core, and shards of a population add theirs and find the same threshold bit for bit. A weight
that is no candidate carries the score +inf (`EXCLUDED`).
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.workers import in_parts, in_threads

EXCLUDED = float("inf")
BINS = 1 << 16
HALF = BINS // 2  # the top 16 bits, as a signed number, run from -HALF
LOW_BITS = 0xFFFF
# Scores at a time: a core's temporaries stay in its cache, and counts never pass int32.
CHUNK = 1 << 18
CHUNK_ELSEWHERE = 1 << 26  # on a device what costs is the launch


@dataclass(frozen=True)
class Threshold:
    """The k-th smallest score of a population."""

    value: float
    """The score; fp32 holds it exactly, and it is never -0.0."""
    ties: tuple[int, ...]
    """By tensor, how many of the scores equal to it are among the k smallest."""


def chunks(flat: Tensor) -> Iterator[Tensor]:
    """The scores in order, a piece at a time."""
    return iter(flat.split(CHUNK if flat.device.type == "cpu" else CHUNK_ELSEWHERE))


def score_bits(scores: Tensor) -> Tensor:
    """The bits of fp32 scores as a new int32 tensor; -0.0 becomes 0.0, which it equals."""
    return (scores + 0.0).view(torch.int32)


def coarse_histogram(scores: Tensor) -> Tensor:
    """Counts by the top 16 bits, in the order of the scores; int64 [BINS].

    scores: fp32 of any shape.
    """

    def count(flat: Tensor) -> Tensor:
        bins = torch.zeros(BINS, dtype=torch.int64, device=flat.device)
        for chunk in chunks(flat):
            top = score_bits(chunk).bitwise_right_shift_(16)
            bins += torch.bincount(top.add_(HALF), minlength=BINS)
        return bins

    bins = total(in_parts(count, scores.reshape(-1)))
    # The bits of negative scores rise as the scores fall; turned here, and not score by score.
    return torch.cat([bins[:HALF].flip(0), bins[HALF:]])


def fine_histogram(scores: Tensor, coarse_bin: int) -> Tensor:
    """Counts by the low 16 bits inside one coarse bin, in the order of the scores; int64 [BINS]."""
    is_negative = coarse_bin < HALF
    wanted = -1 - coarse_bin if is_negative else coarse_bin - HALF

    def count(flat: Tensor) -> Tensor:
        bins = torch.zeros(BINS, dtype=torch.int64, device=flat.device)
        for chunk in chunks(flat):
            bits = score_bits(chunk)
            inside = bits[(bits >> 16) == wanted]
            bins += torch.bincount(inside & LOW_BITS, minlength=BINS)
        return bins

    bins = total(in_parts(count, scores.reshape(-1)))
    return bins.flip(0) if is_negative else bins


def cut(histogram: Tensor, rank: int) -> tuple[int, int]:
    """The bin that holds the rank-th smallest (1-based), and how many are in the bins below."""
    cumulative = histogram.cumsum(0).cpu()
    assert 1 <= rank <= int(cumulative[-1])
    chosen = int(torch.searchsorted(cumulative, rank))
    return chosen, int(cumulative[chosen]) - int(histogram[chosen])


def score_of(coarse_bin: int, fine_bin: int) -> float:
    """The one score that two bins leave."""
    key = (coarse_bin - HALF) * BINS + fine_bin
    bits = key if key >= 0 else key ^ 0x7FFFFFFF
    (value,) = struct.unpack("<f", struct.pack("<i", bits))
    return value


def find_threshold(scores: Sequence[Callable[[], Tensor]], k: int, workers: int = 1) -> Threshold:
    """The k-th smallest score over the tensors that the callables return.

    k: from 1 to the number of finite scores; workers: threads over the tensors. Each callable is
    called once per pass, so that a population of many tensors never holds more than a few of
    them; it must return the same bits every time.
    """
    coarse = in_threads(lambda make: coarse_histogram(make()), scores, workers)
    coarse_bin, below = cut(total(coarse), k)
    fine = in_threads(lambda make: fine_histogram(make(), coarse_bin), scores, workers)
    fine_bin, below_inside = cut(total(fine), k - below)
    value = score_of(coarse_bin, fine_bin)
    assert value < EXCLUDED, "too few candidates"
    return Threshold(
        value, share_ties([int(bins[fine_bin]) for bins in fine], k - below - below_inside)
    )


def total(histograms: Sequence[Tensor]) -> Tensor:
    """Their sum; also of the histograms of shards."""
    bins = histograms[0].clone()
    for histogram in histograms[1:]:
        bins += histogram
    return bins


def share_ties(equal: Sequence[int], ties: int) -> tuple[int, ...]:
    """How many of its `equal` scores each tensor gives up, the first tensors first."""
    given = []
    for count in equal:
        given.append(min(count, ties))
        ties -= given[-1]
    assert ties == 0
    return tuple(given)


def smallest(scores: Sequence[Callable[[], Tensor]], k: int) -> Iterator[Tensor]:
    """Yield for each tensor, in order, the bool mask of its members among the k smallest.

    scores, k: as for `find_threshold`. Each mask has the shape of its tensor.
    """
    threshold = find_threshold(scores, k)
    for make, ties in zip(scores, threshold.ties, strict=True):
        yield members(make(), threshold.value, ties)


def members(scores: Tensor, value: float, ties: int) -> Tensor:
    """Scores below the value and the first `ties` equal to it, as bool mask of their shape."""
    flat = scores.reshape(-1)
    mask = torch.empty_like(flat, dtype=torch.bool)
    in_parts(lambda part, out: torch.lt(part, value, out=out), flat, mask)
    taken = 0
    for chunk, out in zip(chunks(flat), chunks(mask), strict=True):
        if taken == ties:
            break
        equal = chunk == value
        found = int(equal.sum())
        if found > ties - taken:
            equal &= equal.cumsum(0) <= ties - taken
            found = ties - taken
        out |= equal
        taken += found
    assert taken == ties
    return mask.view(scores.shape)
