"""Whether the memory that a run needs is there, asked before anything of it is computed.

The need is the formula of gpt2/footprint.py, and what a process has beside its training step. What
exceeds all the memory there is cannot fit and is refused (CHECK_MEMORY); what exceeds only what is
free at this moment, or what a compiler may save, is said. Knows no torch: the plan asks too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpt2.budget import micro_batch
from gpt2.footprint import logit_bytes, state_bytes, step_bytes
from gpt2.reciprocal.options import step_of
from gpt2.shape import shape_of
from gpt2.sizes import FLOAT32_BYTES, block_matrices, checkpoint_bytes, parameter_count
from gpt2.speed import Facts, Speed
from lib.console import size
from lib.cpu import has_bfloat16_products, usable_cores
from lib.host_memory import Memory

# Python and PyTorch before there is a model: measured on a processor (docs/benchmarks.md). A build
# for GPUs holds its kernels and the context of the GPU besides: a guess, nothing was measured.
PROCESS_BYTES = 230 << 20
GPU_PROCESS_BYTES = 2 << 30


class TooLittleMemory(ValueError):
    """The run cannot fit."""

    exit_status = 69


@dataclass(frozen=True)
class Demand:
    """What a run takes of one memory."""

    place: str
    """For people: "the GPU", "this machine"."""
    needed: int
    """By the whole formula; of a compiled step a bound from above."""
    certain: int
    """Of these what no compiler can save."""


@dataclass(frozen=True)
class Shortage:
    """Where a demand exceeds a memory."""

    demand: Demand
    memory: Memory

    @property
    def is_certain(self) -> bool:
        """Whether it exceeds all there is, not only what is free now."""
        return self.demand.certain > self.memory.total_bytes

    def __str__(self) -> str:
        demand, memory = self.demand, self.memory
        if demand.needed > memory.total_bytes:
            has = f"{demand.place} has {size(memory.total_bytes)}"
        else:
            has = f"only {size(memory.free_bytes)} of {demand.place}'s memory are free"
        return f"about {size(demand.needed)} of memory are needed, and {has}"


GPU, HOST = "the GPU", "this machine"


def demands(
    settings: Mapping[str, Any], speed: Speed, vocab_size: int, micro: int, is_gpu: bool
) -> list[Demand]:
    """Of a run with micro-batches of `micro` sequences; vocab_size: padded."""
    kernel = expected_kernel(settings, speed, is_gpu)
    pruning = _pruning_bytes(settings, vocab_size)
    step = step_bytes(settings, speed, kernel, vocab_size, micro) + pruning
    certain = step
    if speed.compile:
        tokens = micro * settings["BLOCK_SIZE"]
        state = state_bytes(settings, speed, vocab_size) + pruning
        certain = state + logit_bytes(settings, speed, vocab_size, tokens)
    # The copy that a checkpoint is written from.
    copy = checkpoint_bytes(settings, vocab_size) if settings["SAVE_CHECKPOINT"] else 0
    if not is_gpu:
        beside = PROCESS_BYTES + copy
        return [Demand(HOST, step + beside, certain + beside)]
    # Weights are drawn on the processor.
    host = GPU_PROCESS_BYTES + copy + FLOAT32_BYTES * parameter_count(settings, vocab_size)
    return [Demand(GPU, step, certain), Demand(HOST, host, host)]


def _pruning_bytes(settings: Mapping[str, Any], vocab_size: int) -> int:
    """Masks of a byte, and the scores that movement keeps, of the weights that may be pruned."""
    if settings["PRUNING_METHOD"] == "none":
        return 0
    prunable = block_matrices(settings, shape_of(settings, vocab_size))
    has_scores = settings["PRUNING_METHOD"].startswith("movement")
    return prunable * (1 + FLOAT32_BYTES * has_scores)


def expected_kernel(settings: Mapping[str, Any], speed: Speed, is_gpu: bool) -> str:
    """What `attention_in_use` (gpt2/execution.py) will find once there is a model and a device."""
    step = step_of(settings)
    if step is not None and step.eviction != "none":
        return "evicting"
    if speed.attention != "fused":
        return speed.attention
    if speed.attention_kernels:
        return speed.attention_kernels[0]
    if not is_gpu:
        # PyTorch's fused kernel for processors has no dropout.
        return "math" if settings["DROPOUT"] > 0 else "flash"
    return "flash" if speed.dtype == "bfloat16" else "efficient"


def likely_facts(is_gpu: bool) -> Facts:
    """What `resolve` (gpt2/speed.py) wants to know, as far as it can be told without PyTorch: of a
    GPU, that it is a recent one. The run asks the device itself."""
    return Facts(
        kind="cuda" if is_gpu else "cpu",
        name=GPU if is_gpu else "the processor",
        has_bfloat16=is_gpu or has_bfloat16_products(),
        capability=None,
        cudnn=None,
        compile_obstacle=None,
        cores=usable_cores(),
        omp_num_threads=None,
        can_keep_memory=False,
    )


def smallest_micro_batch(settings: Mapping[str, Any]) -> int:
    """Sequences that exist at a time: as configured or, where they are searched for, one."""
    return 1 if settings["HYPER_PARAM"] == "auto" else micro_batch(settings)


def shortages(wanted: Sequence[Demand], memories: Mapping[str, Memory | None]) -> list[Shortage]:
    """Where more is wanted than is free; a memory that nobody knows has no shortage."""
    found = []
    for demand in wanted:
        memory = memories.get(demand.place)
        if memory is not None and demand.needed > min(memory.free_bytes, memory.total_bytes):
            found.append(Shortage(demand, memory))
    return found


def remedy(settings: Mapping[str, Any], limit: int, needed: Callable[[int], int]) -> str:
    """What to type, where a smaller micro-batch fits into `limit`; else what else there is.

    needed: bytes by the size of a micro-batch.
    """
    micro = settings["BATCH_SIZE"]
    smaller = [n for n in range(micro - 1, 0, -1) if micro % n == 0 and needed(n) <= limit]
    if not smaller or settings["HYPER_PARAM"] == "auto" or settings["EXTRA_BATCH_PCT"]:
        return "take a smaller BATCH_SIZE, BLOCK_SIZE or MODEL"
    accumulation = settings["GRADIENT_ACCUMULATION"] * (micro // smaller[0])
    return (
        f"BATCH_SIZE={smaller[0]} GRADIENT_ACCUMULATION={accumulation} makes the same steps with "
        f"about {size(needed(smaller[0]))}"
    )


def check_memory(
    settings: Mapping[str, Any],
    speed: Speed,
    vocab_size: int,
    memories: Mapping[str, Memory | None],
) -> list[str]:
    """Sentences on what may not fit. Raises TooLittleMemory for what cannot, unless CHECK_MEMORY=n.

    memories: by place, `GPU` where the run has one, and `HOST`.
    """
    is_gpu = GPU in memories
    notes = []
    wanted = demands(settings, speed, vocab_size, smallest_micro_batch(settings), is_gpu)
    for shortage in shortages(wanted, memories):
        found = shortage.demand.place
        limit = shortage.memory.total_bytes if shortage.is_certain else shortage.memory.free_bytes

        def needed(micro: int, found: str = found) -> int:
            all_of_it = demands(settings, speed, vocab_size, micro, is_gpu)
            return next(demand.needed for demand in all_of_it if demand.place == found)

        advice = remedy(settings, limit, needed)
        if shortage.is_certain and settings["CHECK_MEMORY"]:
            raise TooLittleMemory(
                f"This run cannot fit: {shortage}; {advice}, or start it all the same with "
                "CHECK_MEMORY=n."
            )
        notes.append(f"memory may not be enough: {shortage}; {advice}")
    return notes
