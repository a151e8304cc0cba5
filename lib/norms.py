"""The Euclidean norm of many tensors: the one norm of the project.

A float32 norm of a large tensor is inaccurate on a processor: each lane of the vector unit adds
millions of squares to one float32. Torch's own norm of GPT-2 124M's gradients is 0.09 to 0.27 %
off, and cutting a tensor into shards changes it. Here the norms of pieces of PIECE elements are
float32, and their squares are added in float64: within 5e-7 of the float64 norm at 124M elements,
with any number of threads, and however the tensors are cut.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# Elements of a piece: few enough for a float32 sum of squares (relative error 1e-7), many enough
# that a call costs less than the arithmetic.
PIECE = 1 << 14


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all elements of `tensors`, 0-D, without waiting for the device.

    tensors: of any shapes, on one device. The norm has the tensors' dtype, at least float32.
    """
    dtype = accumulation_dtype(*tensors)
    return total_of(partial_norms(tensors), dtype)


def total_of(norms: Tensor, dtype: torch.dtype) -> Tensor:
    """The norm of what has these partial norms, (n,), as a 0-D tensor of `dtype`."""
    return sum_of_squares(norms).sqrt().to(dtype)


def sum_of_squares(norms: Tensor) -> Tensor:
    """The sum of the squares of partial norms, (n,), as a 0-D float64 tensor."""
    return norms.double().square().sum()


def partial_norms(tensors: Sequence[Tensor]) -> Tensor:
    """Norms of pieces that cover `tensors`, (n,), in their dtype, at least float32.

    On a processor no piece is longer than PIECE. The kernels of a GPU sum as a tree, so there a
    tensor is one piece.
    """
    dtype = accumulation_dtype(*tensors)
    if not tensors:
        return torch.zeros(0, dtype=dtype)
    if tensors[0].device.type != "cpu":
        return torch.stack(torch._foreach_norm(list(tensors), 2, dtype))
    norms: list[Tensor] = []
    rests: list[Tensor] = []
    for tensor in tensors:
        flat = tensor.reshape(-1)
        whole = flat.numel() // PIECE * PIECE
        if whole:
            rows = flat[:whole].view(-1, PIECE)
            norms.append(torch.linalg.vector_norm(rows, dim=1, dtype=dtype))
        if whole < flat.numel():
            rests.append(flat[whole:])
    if rests:
        norms.append(torch.stack(torch._foreach_norm(rests, 2, dtype)))
    return torch.cat(norms) if norms else torch.zeros(0, dtype=dtype)


def accumulation_dtype(*tensors: Tensor) -> torch.dtype:
    """The dtype in which counts and norms over elements are summed: at least float32."""
    is_double = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if is_double else torch.float32
