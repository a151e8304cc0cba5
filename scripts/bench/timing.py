"""Measuring things against each other on a machine that is never quite still.

Blocks of two alternate as A B B A, those of three as A B C C B A: a drift of the clock speed hits
all alike. Each such round gives one ratio of any two; the median of the ratios is reported, with a
bootstrap interval over the rounds. A thing measured against itself (A/A) must read 1, or the
machine was not quiet enough for any of it.
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
LEAST_FOR_INTERVAL = 5  # rounds; below that an interval would be a decoration


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


def timed(work: Callable[[], object]) -> Step:
    """Something that is measured as a whole: one phase."""

    def step(clock: PhaseClock) -> None:
        clock.start()
        work()
        clock.mark()

    return step


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    seconds: float
    """Wanted for one comparison, warm-up excluded; the fewest rounds are done anyway."""
    fewest_rounds: int
    most_rounds: int
    block_ms: float
    """A block repeats its subject for about so long, at least once."""


@dataclass(frozen=True)
class Ratio:
    """How many times B takes of A."""

    median: float
    low: float | None
    """Lower end of the bootstrap interval; None with too few rounds for one."""
    high: float | None

    def times(self, factor: float) -> "Ratio":
        """The same in another unit; factor > 0."""
        if self.low is None or self.high is None:
            return Ratio(self.median * factor, None, None)
        return Ratio(self.median * factor, self.low * factor, self.high * factor)


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
        return ratio_of(totals_b, totals_a)


def ratio_of(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """The ratio of two subjects of `interleave`, each by block in the order of time.

    A round has two blocks of each; its ratio is that of the two sums.
    """
    assert len(numerators) == len(denominators), (len(numerators), len(denominators))
    ratios = [
        (numerators[i] + numerators[i + 1]) / (denominators[i] + denominators[i + 1])
        for i in range(0, len(numerators), 2)
    ]
    low, high = bootstrap_interval(ratios)
    return Ratio(statistics.median(ratios), low, high)


Typical = Callable[[list[list[float]]], list[float]]
"""What a block counts as: from its repetitions, each a row of phases in ms, one row."""


def medians(rows: list[list[float]]) -> list[float]:
    """By phase the median: what the work takes where nothing disturbs it."""
    return [statistics.median(phase) for phase in zip(*rows, strict=True)]


def means(rows: list[list[float]]) -> list[float]:
    """By phase the mean, so that a stall in one repetition counts: throughput has those too."""
    return [statistics.fmean(phase) for phase in zip(*rows, strict=True)]


def block(
    step: Step, device: torch.device, repetitions: int, typical: Typical = medians
) -> list[float]:
    """The phases in ms, each typical of the repetitions; waits for the device only once."""
    clock = PhaseClock(device)
    for _ in range(repetitions):
        step(clock)
    return typical(clock.read_ms())


Subject = Callable[[int], list[float]]
"""What is compared: does a block of so many repetitions, returns its phases in ms."""


def subject(step: Step, device: torch.device, typical: Typical = medians) -> Subject:
    """A subject that is a step of this process."""
    return lambda repetitions: block(step, device, repetitions, typical)


def interleave(
    subjects: Sequence[Subject], *, repetitions: int, rounds: int, pause_s: float = 0.0
) -> list[list[list[float]]]:
    """By subject its blocks in the order of time; a round goes through all subjects and back.

    pause_s: before each block, for subjects whose threads go on spinning for a while.
    """
    blocks: list[list[list[float]]] = [[] for _ in subjects]
    there = list(range(len(subjects)))
    for _ in range(rounds):
        for which in there + there[::-1]:
            time.sleep(pause_s)
            blocks[which].append(subjects[which](repetitions))
    return blocks


def plan(slowest_ms: float, subjects: int, pace: Pace) -> tuple[int, int]:
    """Repetitions of a block and number of rounds; slowest_ms: of one repetition of one subject."""
    repetitions = max(1, round(pace.block_ms / slowest_ms))
    round_s = 2 * subjects * repetitions * slowest_ms / 1e3
    rounds = max(pace.fewest_rounds, min(pace.most_rounds, int(pace.seconds / round_s)))
    return repetitions, rounds


def compare(first: Step, second: Step, device: torch.device, pace: Pace) -> Comparison:
    """Measure both, interleaved as A B B A, after a warm-up."""
    slowest_ms = max(_warm_up(step, device) for step in (first, second))
    repetitions, rounds = plan(slowest_ms, 2, pace)
    subjects = [subject(step, device) for step in (first, second)]
    blocks = interleave(subjects, repetitions=repetitions, rounds=rounds)
    return Comparison(medians(blocks[0]), medians(blocks[1]), blocks[0], blocks[1])


def _warm_up(step: Step, device: torch.device) -> float:
    """Let states be allocated and caches fill; returns the fastest repetition in ms."""
    block(step, device, 1)
    fastest_ms = math.inf
    for _ in range(WARM_UPS):
        fastest_ms = min(fastest_ms, sum(block(step, device, 1)))
        if fastest_ms > SLOW_MS:
            break
    return fastest_ms


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
