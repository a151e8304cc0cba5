"""Bytes: computed from the tensors of a run, and the peaks that the machine saw.

The computed split (weights, gradients, optimizer state, masks, scores) is exact and the same
everywhere; the peaks contain activations, allocator slack and the interpreter besides: the rest.

Nothing here waits for the device: the allocator keeps its own books.
"""

import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass

import torch
from torch import Tensor, nn

from lib.optimizers import optimizer_state_bytes
from lib.pruning import Pruner

# getrusage counts in KiB on Linux and the BSDs, in bytes on macOS.
MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class MemorySplit:
    """Bytes that training state takes, by purpose; field names as in summary.json."""

    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    """0 before the first optimizer step: the moments do not exist yet."""
    mask_bytes: int
    score_bytes: int
    """What a pruning score remembers of past steps beside the optimizer; 0 for most."""

    @property
    def total_bytes(self) -> int:
        return sum(astuple(self))


@dataclass(frozen=True)
class DevicePeak:
    """Most bytes that the CUDA allocator handed out, and most that it held."""

    allocated_bytes: int
    reserved_bytes: int


@dataclass(frozen=True)
class ProcessMemory:
    """Bytes of this process at this moment and its peaks so far; field names as in the rows of
    metrics.jsonl. What is asked for costs microseconds: the allocator and the system keep books.

    None where there is nothing to ask: a processor has no allocator of this kind.
    """

    allocated_bytes: int | None
    """Handed out by the CUDA allocator."""
    reserved_bytes: int | None
    """Held by it: allocated, and kept for the next allocation."""
    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    rss_bytes: int | None
    """Resident in the host's memory."""
    peak_rss_bytes: int


@dataclass(frozen=True)
class MemoryNow(ProcessMemory):
    """The same, and what takes longer to find out."""

    device_used_bytes: int | None
    """Of the whole GPU, by every process on it."""
    process_bytes: int | None
    """Of the GPU by this process, as its maker's library tells (lib/gpu.py)."""
    rest_bytes: int | None
    """The peak without the computed split: activations, slack; on a processor the libraries."""


def memory_split(
    parameters: Iterable[nn.Parameter], optimizer: torch.optim.Optimizer, pruner: Pruner
) -> MemorySplit:
    """The split for a model's parameters; a tied parameter counts once.

    A gradient has the dtype and shape of its parameter, so its bytes do not depend on whether
    gradients are allocated at this moment.
    """
    unique = list({id(parameter): parameter for parameter in parameters}.values())
    return MemorySplit(
        weights_bytes=tensor_bytes(unique),
        gradients_bytes=tensor_bytes(p for p in unique if p.requires_grad),
        optimizer_bytes=optimizer_state_bytes(optimizer),
        mask_bytes=pruner.mask_bytes,
        score_bytes=pruner.score_bytes,
    )


def process_memory(device: torch.device) -> ProcessMemory:
    """What this process holds now, without waiting for the device."""
    allocated = reserved = None
    peak = peak_device_memory(device)
    if peak is not None:
        allocated = torch.cuda.memory_allocated(device)
        reserved = torch.cuda.memory_reserved(device)
    rss = rss_bytes()
    return ProcessMemory(
        allocated_bytes=allocated,
        reserved_bytes=reserved,
        peak_allocated_bytes=peak and peak.allocated_bytes,
        peak_reserved_bytes=peak and peak.reserved_bytes,
        rss_bytes=rss,
        # The system counts the peak in batches of pages, so it can lag behind what is there.
        peak_rss_bytes=max(peak_rss_bytes(), rss or 0),
    )


def memory_now(device: torch.device, split: MemorySplit, process_bytes: int | None) -> MemoryNow:
    """What is taken now. `process_bytes`: of lib/gpu.py, None where it cannot tell."""
    used = None
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        used = total - free
    own = process_memory(device)
    return MemoryNow(
        **asdict(own),
        device_used_bytes=used,
        process_bytes=process_bytes,
        rest_bytes=rest_bytes(own.peak_allocated_bytes, own.peak_rss_bytes, split),
    )


def rest_bytes(peak_allocated: int | None, peak_rss: int, split: MemorySplit) -> int | None:
    """What the peak, a device's where there is one, holds beside the split; None where the split is
    larger, as on a host that never touched all of its pages."""
    rest = (peak_rss if peak_allocated is None else peak_allocated) - split.total_bytes
    return rest if rest >= 0 else None


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Elements times element size, summed."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def rss_bytes() -> int | None:
    """Memory that this process holds resident now; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def host_memory_bytes() -> int | None:
    """Physical memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def peak_rss_bytes() -> int:
    """Most memory this process ever held resident.

    Linux passes the figure on through exec: a process started by a larger one shows at least the
    size of that one.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT_BYTES


def peak_device_memory(device: torch.device) -> DevicePeak | None:
    """Peaks since the last `reset_peak`; None where there is no such allocator to ask."""
    if device.type != "cuda":
        return None
    return DevicePeak(
        allocated_bytes=torch.cuda.max_memory_allocated(device),
        reserved_bytes=torch.cuda.max_memory_reserved(device),
    )


def reset_peak(device: torch.device) -> None:
    """Start a new peak measurement, after warm-up; nothing to do but on CUDA."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
