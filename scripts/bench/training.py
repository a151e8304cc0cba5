"""Tokens a second: a step of our trainer beside a step of the plain loop.

One process, one set of initial weights, the same tokens in a step. Blocks of steps alternate: the
plain loop, ours, the plain loop's twin, a matrix product, and back. The twin is the control: equal
things must read equal, or nothing else here means anything. The clock runs only around steps; log
lines, evaluations and checkpoints are measured apart.
"""

import gc
import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from lib.device import Device
from scripts.bench.conditions import clock_speed
from scripts.bench.context import Context
from scripts.bench.findings import Finding, Section, at_least, at_most, control, judged
from scripts.bench.loops import Loops
from scripts.bench.matmul import Product, fastest_product
from scripts.bench.timing import (
    Pace,
    Ratio,
    Step,
    block,
    interleave,
    means,
    plan,
    ratio_of,
)
from scripts.bench.workloads import Workload

# Where the plain loop's twin is off by more, the measurement is void.
TOLERANCE = 0.005
FAST_TOLERANCE = 0.5

ON_A_PROCESSOR = Pace(seconds=180.0, fewest_rounds=7, most_rounds=21, block_ms=2000.0)
ON_A_GPU = Pace(seconds=45.0, fewest_rounds=5, most_rounds=15, block_ms=1500.0)
FAST = Pace(seconds=0.1, fewest_rounds=1, most_rounds=1, block_ms=1.0)

WARM_UP_STEPS = 20
# A slow model is warm earlier: its memory is allocated and its kernels are planned in two steps.
FEWEST_WARM_UP_STEPS = 5
WARM_UP_S = 30.0

SYNC_STEPS = 10
SYNC = "called a synchronizing"  # as torch warns of it

PLAIN, OURS, TWIN, PRODUCT = range(4)


@dataclass(frozen=True)
class Timed:
    """What the interleaved blocks of one workload say: milliseconds by subject and block."""

    blocks_ms: list[list[float]]
    tokens: int
    """Of one step, the same in all loops."""
    flops: int
    """Of one token, forward and backward, by the convention of lib/flops.py."""
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
        # Now that nothing holds its models any more.
        gc.collect()
        if context.device.kind != "cpu":
            # The next model is compiled anew, and not counted as a recompilation of this one.
            torch.compiler.reset()
            torch.cuda.empty_cache()
    return Section(findings, notes)


def _measured(context: Context, workload: Workload, pace: Pace) -> tuple[list[Finding], str]:
    """The lines of one workload, and how they were measured."""
    before = clock_speed(context.torch_device)
    with ExitStack() as stack:
        loops = Loops(context, workload, stack)
        times = time_loops(loops, context, pace)
        found = list(describe(times, workload, context))
        if context.device.kind != "cpu":
            found.append(_syncs(loops, workload))
    after = clock_speed(context.torch_device)
    clocks = f"; clock {before} before, {after} after" if before else ""
    dtype = str(times.product.dtype).removeprefix("torch.")
    note = f"{workload.name}: rounds: {times.rounds}; matmul {times.product}, {dtype}{clocks}."
    return found, note


def time_loops(loops: Loops, context: Context, pace: Pace) -> Timed:
    """Warm up, then measure in rounds."""
    device = context.torch_device
    steps = loops.steps()
    slowest_ms = max(_warm_up(step, device, context) for step in steps)
    product, product_ms = fastest_product(device, loops.dtype, is_fast=context.is_fast)
    # A repetition of it shall take about as long as one of a loop.
    count = max(1, round(slowest_ms / product_ms))
    repetitions, rounds = plan(slowest_ms, len(steps) + 1, pace)
    blocks = interleave(
        [*steps, product.step(count)],
        device,
        repetitions=repetitions,
        rounds=rounds,
        typical=means,
    )
    blocks_ms = [[phase_ms for (phase_ms,) in subject] for subject in blocks]
    return Timed(blocks_ms, loops.tokens, loops.flops, product, count)


def _warm_up(step: Step, device: torch.device, context: Context) -> float:
    """Milliseconds of the fastest step after the first, which compiles and allocates."""
    start = time.perf_counter()
    milliseconds = []
    for count in range(2 if context.is_fast else WARM_UP_STEPS):
        is_late = time.perf_counter() - start > WARM_UP_S
        if count >= FEWEST_WARM_UP_STEPS and is_late:
            break
        milliseconds.append(sum(block(step, device, 1)))
    return min(milliseconds[1:])


def describe(measured: Timed, workload: Workload, context: Context) -> Iterator[Finding]:
    """The lines of one workload."""
    tolerance = FAST_TOLERANCE if context.is_fast else TOLERANCE
    line, void = control(workload.name, measured.control(), tolerance)
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


def _syncs(loops: Loops, workload: Workload) -> Finding:
    """How often a step makes the host wait for the GPU; evaluated over steps without a log line."""
    counts = []
    for work in (loops.ours.step, loops.plain.step):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                for _ in range(SYNC_STEPS):
                    work()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        counts.append(sum(SYNC in str(warning.message) for warning in caught))
    mine, theirs = counts
    goal = at_most(0)
    return Finding(
        workload.name,
        f"waits of the host in {SYNC_STEPS} steps",
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
        "Same model, same initial weights, same tokens in a step, no dropout, one process, the "
        "same number of threads; blocks in the order plain, ours, twin, matmul and back. Rates "
        "are medians over blocks, ratios medians over rounds with a bootstrap interval."
    )
    yield (
        "The matmul rate is that of the fastest product found here, in the arithmetic of our "
        "loop and in the same rounds; FLOPs of a step by the PaLM convention (lib/flops.py)."
    )
