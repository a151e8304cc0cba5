"""Where the fused kernels of torch.optim are right: one pass over all tensors of a group."""

from collections.abc import Iterable

from torch import Tensor

# torch >= 2.4 has fused SGD, Adam and AdamW for both; elsewhere torch picks foreach or the loop.
FUSED_DEVICES = ("cpu", "cuda")


def can_be_fused(parameter: Tensor) -> bool:
    """Whether the fused kernel is right for this parameter.

    The kernel of the CPU walks weight and gradient by address. A transposed weight whose gradient
    is laid out differently is trained with the wrong elements, without an error (torch 2.13).
    """
    return parameter.device.type in FUSED_DEVICES and parameter.is_contiguous()


def can_all_be_fused(groups: Iterable[dict]) -> bool:
    """Whether it is right for every parameter of these groups (`parameter_groups`)."""
    return all(can_be_fused(parameter) for group in groups for parameter in group["params"])
