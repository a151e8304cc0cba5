"""Tokens a second: a step of our trainer beside a step of the plain loop.

One set of initial weights, the same tokens in a step, a process for each loop. Blocks of steps
alternate: the plain loop, ours, the plain loop's twin, a matrix product, and back. The twin is the
control: equal things must read equal, or nothing else here means anything. The clock runs only
around steps; log lines, evaluations and checkpoints are measured apart.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from lib.device import Device
from lib.peaks import Peak, find_peak
from scripts.bench.conditions import clock_speed
from scripts.bench.context import Context
from scripts.bench.findings import Finding, Section, at_least, at_most, control, judged
from scripts.bench.loops import workload_data
from scripts.bench.matmul import Product, fastest_product
from scripts.bench.timing import (
    Pace,
    Ratio,
    bootstrap_interval,
    interleave,
    means,
    plan,
    ratio_of,
    subject,
)
from scripts.bench.worker import Facts
from scripts.bench.workers import Worker, start
from scripts.bench.workloads import Workload

# Where the plain loop's twin is off by more, the measurement is void.
TOLERANCE = 0.005
FAST_TOLERANCE = 0.5

# Short blocks, so that what disturbs a machine for seconds hits all loops of a round.
ON_A_PROCESSOR = Pace(seconds=150.0, fewest_rounds=7, most_rounds=42, block_ms=800.0)
ON_A_GPU = Pace(seconds=45.0, fewest_rounds=5, most_rounds=15, block_ms=1500.0)
FAST = Pace(seconds=0.1, fewest_rounds=1, most_rounds=1, block_ms=1.0)
# So many times is a measurement repeated at most, for a machine that is not still.
MOST_PASSES = 4

WARM_UP_STEPS = 20
# A slow model is warm earlier: its memory is allocated and its kernels are planned in two steps.
FEWEST_WARM_UP_STEPS = 5
WARM_UP_S = 30.0

WAITING_STEPS = 10
# A team of threads spins for up to 0.2 s before it sleeps (Intel's OpenMP; GNU's some ms).
PAUSE_S = 0.3

# By the name that lib/peaks.py gives the device.
LEAST_MFU = {"H200 SXM": 0.45, "H100 SXM": 0.42}

PLAIN, OURS, TWIN, PRODUCT = range(4)


@dataclass(frozen=True)
class Timed:
    """What the interleaved blocks of one workload say: milliseconds by subject and block."""

    blocks_ms: list[list[float]]
    tokens: int
    """Of one step, the same in all loops."""
    flops: int
    """Of one token, forward and backward."""
    product: Product
    product_count: int
    """Products in one repetition of that subject."""

    @property
    def rounds(self) -> int:
        return len(self.blocks_ms[PLAIN]) // 2

    def tokens_per_s(self, subject: int) -> float:
        """The median of the rates of its blocks."""
        return 1e3 * self.tokens / statistics.median(self.blocks_ms[subject])

    def speed_up(self) -> Ratio:
        """Tokens a second, ours to the plain loop's."""
        return ratio_of(self.blocks_ms[PLAIN], self.blocks_ms[OURS])

    def control(self) -> Ratio:
        return ratio_of(self.blocks_ms[PLAIN], self.blocks_ms[TWIN])

    def is_precise(self, tolerance: float) -> bool:
        """Whether the control is known to the tolerance. Its value decides nothing, nor does that
        of the other ratios: to measure until one of them pleases would not be a measurement."""
        low, high = self.control().low, self.control().high
        return low is None or high is None or high - low <= 2 * tolerance

    def product_rate(self) -> float:
        """FLOP/s of the matrix product."""
        flops = self.product.flops * self.product_count
        return 1e3 * flops / statistics.median(self.blocks_ms[PRODUCT])

    def share_of_product(self, subject: int) -> Ratio:
        """The subject's FLOP/s to those of the matrix product in the same rounds."""
        work = self.tokens * self.flops / (self.product.flops * self.product_count)
        return ratio_of(self.blocks_ms[PRODUCT], self.blocks_ms[subject]).times(work)


def measure(context: Context) -> Section:
    """Every workload of the device."""
    findings: list[Finding] = []
    notes = list(_notes(context))
    pace = FAST if context.is_fast else _pace(context.device)
    for workload in context.workloads():
        found, note = _measured(context, workload, pace)
        for finding in found:
            print(finding, flush=True)
        findings += found
        notes.append(note)
    return Section(findings, notes)


def _measured(context: Context, workload: Workload, pace: Pace) -> tuple[list[Finding], str]:
    """The lines of one workload, and how they were measured."""
    before = clock_speed(context.torch_device)
    data, weights = (context.folder / f"{workload.key}-{name}" for name in ("data", "weights.pt"))
    workload_data(workload, data)
    with ExitStack() as stack:
        ours = stack.enter_context(
            start(context, workload, "ours", data=data, weights=weights, seed=0)
        )
        facts = ours.facts()
        plain, twin = (
            stack.enter_context(
                start(context, workload, "plain", data=data, weights=weights, seed=seed)
            )
            for seed in (1, 2)
        )
        for other in (plain.facts(), twin.facts()):
            same = (other.parameters, other.tokens) == (facts.parameters, facts.tokens)
            assert same, f"{workload.name}: {other} beside {facts}"
        times = time_loops((plain, ours, twin), facts, context, pace)
        found = list(describe(times, workload, context))
        if context.device.kind != "cpu":
            found.append(_waits(ours, plain, workload))
    after = clock_speed(context.torch_device)
    clocks = f"; clock {before} before, {after} after" if before else ""
    note = (
        f"{workload.name}: rounds: {times.rounds}; matmul {times.product}, {facts.dtype}{clocks}."
    )
    return found, note


def time_loops(loops: Sequence[Worker], facts: Facts, context: Context, pace: Pace) -> Timed:
    """Warm up, then measure in rounds until the control is precise. loops: plain, ours, twin."""
    device = context.torch_device
    slowest_ms = max(_warm_up(loop, context) for loop in loops)
    dtype = torch.bfloat16 if facts.dtype == "bfloat16" else torch.float32
    product, product_ms = fastest_product(device, dtype, is_fast=context.is_fast)
    # A repetition of it shall take about as long as one of a loop.
    count = max(1, round(slowest_ms / product_ms))
    products = subject(product.step(count), device, means)
    repetitions, rounds = plan(slowest_ms, len(loops) + 1, pace)
    assert facts.flops is not None, "the facts are not those of our loop"
    subjects = [*(loop.block for loop in loops), products]
    measured = Timed([[] for _ in subjects], facts.tokens, facts.flops, product, count)
    for _ in range(MOST_PASSES):
        found = interleave(
            subjects,
            repetitions=repetitions,
            rounds=rounds,
            pause_s=0.0 if context.is_fast else PAUSE_S,
        )
        for so_far, more in zip(measured.blocks_ms, found, strict=True):
            so_far += [phase_ms for (phase_ms,) in more]
        if measured.is_precise(tolerance_of(context)):
            break
    return measured


def _warm_up(loop: Worker, context: Context) -> float:
    """Milliseconds of the fastest step after the first, which compiles and allocates."""
    begin = time.perf_counter()
    milliseconds = []
    for count in range(2 if context.is_fast else WARM_UP_STEPS):
        is_late = time.perf_counter() - begin > WARM_UP_S
        if count >= FEWEST_WARM_UP_STEPS and is_late:
            break
        milliseconds += loop.block(1)
    return min(milliseconds[1:])


def tolerance_of(context: Context) -> float:
    """How far from 1 the control may be."""
    return FAST_TOLERANCE if context.is_fast else TOLERANCE


def describe(measured: Timed, workload: Workload, context: Context) -> Iterator[Finding]:
    """The lines of one workload."""
    line, void = control(workload.name, measured.control(), tolerance_of(context))
    yield line
    # Goals are for the arithmetic that ours ran in, which a command line may have chosen.
    is_bfloat16 = measured.product.dtype == torch.bfloat16
    least = workload.least_ratio if is_bfloat16 else workload.least_ratio_float32
    goal = at_least(least) if least else None
    ratio = measured.speed_up()
    yield Finding(
        workload.name,
        "tokens/s",
        f"{measured.tokens_per_s(OURS):,.0f}",
        f"{measured.tokens_per_s(PLAIN):,.0f}",
        ratio,
        goal=goal,
        verdict=judged(goal, ratio.median, ratio.low, ratio.high, void=void),
    )
    mine, theirs = (measured.share_of_product(subject) for subject in (OURS, PLAIN))
    bound = workload.least_share_of_matmul
    goal = at_least(bound) if bound and is_bfloat16 else None
    yield Finding(
        workload.name,
        f"share of the matmul rate, {measured.product_rate() / 1e12:.3g} TFLOP/s",
        f"{mine.median:.3f}",
        f"{theirs.median:.3f}",
        interval=None if mine.low is None else f"{mine.low:.3f} to {mine.high:.3f}",
        goal=goal,
        verdict=judged(goal, mine.median, mine.low, mine.high, void=void),
    )
    peak = find_peak(context.device.name)
    if peak is not None and peak.bf16_tflops is not None:
        yield _mfu(measured, peak, workload, void)


def _mfu(measured: Timed, peak: Peak, workload: Workload, void: str | None) -> Finding:
    """FLOP/s beside what the maker's data sheet says, where there is one to be relied on."""
    assert peak.bf16_tflops is not None
    work = 1e3 * measured.tokens * measured.flops / (peak.bf16_tflops * 1e12)
    ours, plain = ([work / ms for ms in measured.blocks_ms[subject]] for subject in (OURS, PLAIN))
    low, high = bootstrap_interval(ours)
    bound = LEAST_MFU.get(peak.name) if workload.has_mfu_goal else None
    goal = at_least(bound) if bound else None
    return Finding(
        workload.name,
        f"MFU, of {peak.bf16_tflops:g} TFLOP/s ({peak.source})",
        f"{statistics.median(ours):.3f}",
        f"{statistics.median(plain):.3f}",
        interval=None if low is None else f"{low:.3f} to {high:.3f}",
        goal=goal,
        verdict=judged(goal, statistics.median(ours), low, high, void=void),
    )


def _waits(ours: Worker, plain: Worker, workload: Workload) -> Finding:
    """How often a step makes the host wait for the GPU, over steps without a log line."""
    mine, theirs = (loop.waits_in(WAITING_STEPS) for loop in (ours, plain))
    goal = at_most(0)
    return Finding(
        workload.name,
        f"waits of the host in {WAITING_STEPS} steps",
        str(mine),
        str(theirs),
        goal=goal,
        verdict=judged(goal, mine),
    )


def _pace(device: Device) -> Pace:
    return ON_A_PROCESSOR if device.kind == "cpu" else ON_A_GPU


def _notes(context: Context) -> Iterator[str]:
    dtype = context.settings({})["DTYPE"]
    ours = "bfloat16 autocast" if dtype == "bfloat16" else dtype
    if context.device.kind == "cpu":
        plain = "float32, eager, AdamW as a loop over the tensors, int64 random windows, the loss "
        plain += "read at every step; what nanoGPT does on a processor"
    else:
        plain = "bfloat16 autocast, torch.compile, fused AdamW, pinned int64 random windows, the "
        plain += "loss read every tenth step; what nanoGPT does on a GPU"
    yield (
        f"Plain loop (`scripts/bench/plain_loop.py`): {plain}. Ours: {ours}, and every option at "
        "its default for the device."
    )
    yield (
        "Same model, same initial weights, same tokens in a step, no dropout, the same number of "
        "threads; a process for each loop, one at work at a time; blocks in the order plain, "
        "ours, twin, matmul and back. Rates are medians over blocks, ratios medians over rounds "
        "with a bootstrap interval. Rounds go on until the control's interval is as narrow as its "
        f"tolerance, at most {MOST_PASSES} times as long."
    )
    yield (
        "The matmul rate is that of the fastest product found here, in the arithmetic of our "
        "loop and in the same rounds; FLOPs of a step are its exact products (lib/flops.py)."
    )
