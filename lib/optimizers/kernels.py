"""What the optimizers must know of kernels: where the fused ones are right, and their pieces."""

from collections.abc import Iterable

from torch import Tensor

# torch >= 2.4 has fused SGD, Adam and AdamW for both; elsewhere torch picks foreach or the loop.
FUSED_DEVICES = ("cpu", "cuda")

# Elements of a piece that stays, with two temporary copies, in a processor's cache. Of 2^15 ...
# 2^18 the least processor time of the spike clip on one thread of an EPYC with 1 MiB of
# second-level cache per core (332, 278, 250, 278 ms, scaled to 124.5M elements; machine not idle).
PIECE = 1 << 17


def can_be_fused(parameter: Tensor) -> bool:
    """Whether the fused kernel is right for this parameter.

    The kernel of the CPU walks weight and gradient by address. A transposed weight whose gradient
    is laid out differently is trained with the wrong elements, without an error (torch 2.13).
    """
    return parameter.device.type in FUSED_DEVICES and parameter.is_contiguous()


def can_all_be_fused(groups: Iterable[dict]) -> bool:
    """Whether it is right for every parameter of these groups (`parameter_groups`)."""
    return all(can_be_fused(parameter) for group in groups for parameter in group["params"])
