"""How fast this device multiplies matrices: what a run's speed is a share of.

A product of two square matrices in the dtype of the run, under its thread count and precision
settings, fastest of a few repetitions. Unlike a data sheet's peak it exists for every device and
for the one at hand: GPUs of one kind differ by 5 % and more, and reach 50 to 87 % of their peak.

It takes a fraction of a second, and belongs before the model is built and before the peak of
memory is reset: it allocates three matrices and gives them back. It draws from a generator of its
own and changes no setting, so that a run with it and one without have the same bits. What it
cannot know is whether somebody else uses the machine meanwhile.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

# On a GPU: large enough that nothing but the product counts (1.1 TFLOP, 1.4 ms on an H200).
GPU_SIZE = 8192
# On a processor the best size depends on the cores: each is tried that the time allows.
CPU_SIZES = (512, 1024, 2048, 4096)
REPETITIONS = 8
GPU_REPETITIONS = 20
BUDGET_S = 0.15


@dataclass(frozen=True)
class MatmulRate:
    """The fastest product that was measured."""

    tflops: float
    """1e12 multiplications and additions per second."""
    size: int
    """Of the square matrices: 2 size^3 FLOPs."""
    dtype: str
    """ "float32" or "bfloat16", as the option DTYPE says it."""
    seconds: float
    """What the whole measurement took."""


def measure_matmul(device: str, dtype: str) -> MatmulRate:
    """Measure on `device` ("cpu" or "cuda") in `dtype`, within a fraction of a second."""
    start = time.perf_counter()
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    if device == "cpu":
        size, fastest_s = min(_on_processor(kind), key=_seconds_per_flop)
    else:
        size, fastest_s = _on_gpu(kind)
    seconds = time.perf_counter() - start
    return MatmulRate(flops_of(size) / fastest_s / 1e12, size, dtype, seconds)


def flops_of(size: int) -> int:
    """Of one product: size^2 sums of size products."""
    return 2 * size**3


def fastest(run: Callable[[], float], repetitions: int, budget_s: float) -> float:
    """The shortest of up to `repetitions` durations; at least one, none begun after the budget.

    run: does the work once and returns its seconds.
    """
    best, spent = float("inf"), 0.0
    for _ in range(repetitions):
        seconds = run()
        best, spent = min(best, seconds), spent + seconds
        if spent >= budget_s:
            break
    return best


def _on_processor(dtype: torch.dtype) -> Iterator[tuple[int, float]]:
    """(size, seconds) for each size that fits the budget, which a slow processor may exceed by
    the smallest."""
    left_s = BUDGET_S
    for size in CPU_SIZES:
        left, right, out = _matrices(size, "cpu", dtype)

        def run(left: Tensor = left, right: Tensor = right, out: Tensor = out) -> float:
            start = time.perf_counter()
            torch.mm(left, right, out=out)
            return time.perf_counter() - start

        first_s = run()
        best_s = fastest(run, REPETITIONS, left_s)
        yield size, best_s
        left_s -= first_s + REPETITIONS * best_s
        # The next size has eight times the work, and needs a first run and one that counts.
        if left_s < 2 * 8 * best_s:
            return


def _on_gpu(dtype: torch.dtype) -> tuple[int, float]:
    free, _ = torch.cuda.mem_get_info()
    size = GPU_SIZE
    while 4 * size * size * dtype.itemsize > free and size > CPU_SIZES[0]:
        size //= 2
    best_s = _fastest_on_gpu(size, dtype)
    # The allocator would keep the matrices, and the run would start with less.
    torch.cuda.empty_cache()
    return size, best_s


def _fastest_on_gpu(size: int, dtype: torch.dtype) -> float:
    left, right, out = _matrices(size, "cuda", dtype)

    def run() -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        torch.mm(left, right, out=out)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3

    run()
    return fastest(run, GPU_REPETITIONS, BUDGET_S)


def _matrices(size: int, device: str, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Two of normal numbers and one for the product: zeros would draw less power, so run faster."""
    generator = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn(size, size, generator=generator, device=device).to(dtype) for _ in range(2)
    )
    return left, right, torch.empty_like(left)


def _seconds_per_flop(measured: tuple[int, float]) -> float:
    size, seconds = measured
    return seconds / flops_of(size)
