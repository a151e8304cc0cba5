"""Measuring two things against each other on a machine that is never quite still.

Blocks of the two alternate as A B B A, so that a drift of the clock speed hits both alike. A block
counts by the median of its repetitions, a quadruple gives one ratio; the median of the ratios is
reported, with a bootstrap interval over the quadruples. A thing measured against itself (A/A) must
read 1, or the machine was not quiet enough for any of it.
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

RESAMPLES = 2000
CONFIDENCE = 0.95
WARM_UPS = 5
SLOW_MS = 1000.0  # a subject that takes longer is warm after two repetitions
LEAST_FOR_INTERVAL = 5  # quadruples; below that an interval would be a decoration


class PhaseClock:
    """Marks in the work of a device; the milliseconds between them, without waiting at each."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._rows: list[list[Any]] = []

    def start(self) -> None:
        """The begin of one repetition."""
        self._rows.append([])
        self.mark()

    def mark(self) -> None:
        """The end of one phase and the begin of the next."""
        if self._is_cuda:
            # An event lies in the stream with the kernels; the host's clock would run ahead.
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._rows[-1].append(event)
        else:
            self._rows[-1].append(1e3 * time.perf_counter())

    def read_ms(self) -> list[list[float]]:
        """By repetition, the milliseconds between neighbouring marks; waits, and starts anew."""
        rows, self._rows = self._rows, []
        if self._is_cuda:
            torch.cuda.synchronize()
            return [[a.elapsed_time(b) for a, b in pairwise(row)] for row in rows]
        return [[b - a for a, b in pairwise(row)] for row in rows]


Step = Callable[[PhaseClock], None]
"""One repetition of what is measured: starts the clock, and marks the end of each phase."""


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    seconds: float
    """Wanted for one comparison, warm-up excluded; a slow subject takes one quadruple anyway."""
    most_quadruples: int
    block_ms: float
    """A block repeats its subject for about so long, at least once."""


@dataclass(frozen=True)
class Ratio:
    """How many times B takes of A."""

    median: float
    low: float | None
    """Lower end of the bootstrap interval; None with too few quadruples for one."""
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """Two subjects after an interleaved measurement; phases in ms, medians over the blocks."""

    first_ms: list[float]
    second_ms: list[float]
    first_blocks: list[list[float]]
    """By block in the order of time, the phases in ms."""
    second_blocks: list[list[float]]

    def ratio(self, first: Sequence[int], second: Sequence[int]) -> Ratio:
        """Second over first, each summed over the phases at these positions."""
        totals_a = [sum(block[i] for i in first) for block in self.first_blocks]
        totals_b = [sum(block[i] for i in second) for block in self.second_blocks]
        ratios = [
            (totals_b[i] + totals_b[i + 1]) / (totals_a[i] + totals_a[i + 1])
            for i in range(0, len(totals_a), 2)
        ]
        low, high = bootstrap_interval(ratios)
        return Ratio(statistics.median(ratios), low, high)


def block(step: Step, device: torch.device, repetitions: int) -> list[float]:
    """The phases in ms, each the median over the repetitions; waits for the device only once."""
    clock = PhaseClock(device)
    for _ in range(repetitions):
        step(clock)
    return _medians(clock.read_ms())


def compare(first: Step, second: Step, device: torch.device, pace: Pace) -> Comparison:
    """Measure both, interleaved as A B B A, after a warm-up."""
    slowest_ms = max(_warm_up(step, device) for step in (first, second))
    repetitions = max(1, round(pace.block_ms / slowest_ms))
    quadruple_s = 4 * repetitions * slowest_ms / 1e3
    quadruples = max(1, min(pace.most_quadruples, int(pace.seconds / quadruple_s)))
    blocks: tuple[list[list[float]], list[list[float]]] = ([], [])
    for _ in range(quadruples):
        for which in (0, 1, 1, 0):
            blocks[which].append(block((first, second)[which], device, repetitions))
    return Comparison(_medians(blocks[0]), _medians(blocks[1]), *blocks)


def _warm_up(step: Step, device: torch.device) -> float:
    """Let states be allocated and caches fill; returns the fastest repetition in ms."""
    block(step, device, 1)
    fastest_ms = math.inf
    for _ in range(WARM_UPS):
        fastest_ms = min(fastest_ms, sum(block(step, device, 1)))
        if fastest_ms > SLOW_MS:
            break
    return fastest_ms


def _medians(blocks: list[list[float]]) -> list[float]:
    return [statistics.median(phase) for phase in zip(*blocks, strict=True)]


def bootstrap_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of the median; (None, None) for fewer than five values."""
    if len(values) < LEAST_FOR_INTERVAL:
        return None, None
    draw = random.Random(0)  # a stream of its own: the same values give the same interval
    medians = sorted(
        statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    tail = (1 - CONFIDENCE) / 2
    return medians[int(tail * RESAMPLES)], medians[int((1 - tail) * RESAMPLES) - 1]
