"""Bytes: computed from the tensors of a run, and the peaks that the machine saw.

The computed split (weights, gradients, optimizer state, masks, scores) is exact and the same
everywhere; the peaks contain activations, allocator slack and the interpreter besides.
"""

import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class DevicePeak:
    """Most bytes that the CUDA allocator handed out, and most that it held."""

    allocated_bytes: int
    reserved_bytes: int


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


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Elements times element size, summed."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


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
