"""Several cores for work that PyTorch runs on one, such as `bincount`.

PyTorch lets go of the interpreter's lock inside an operation, so plain threads suffice. A worker
runs its operations on its own core only; otherwise each would start a team of threads, and two
teams on two cores wait for each other longer than they work. So everything of an event that is
large is done by workers, one tensor each, or one part of a tensor that stands alone.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")

SMALL = 1 << 18  # elements; below, handing over costs more than it saves


def workers_for(tensors: Sequence[Tensor]) -> int:
    """How many threads may share work over these tensors: 1 off the CPU, and if all are small."""
    is_large = sum(tensor.numel() for tensor in tensors) > SMALL
    is_here = all(tensor.device.type == "cpu" for tensor in tensors)
    return torch.get_num_threads() if is_large and is_here else 1


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """Call `function` on each item; results in order. The calls must not depend on each other.

    One item is left to the calling thread, which may divide it by `in_parts`.
    """
    if workers == 1 or len(items) == 1:
        return [function(item) for item in items]
    return list(pool(workers).map(function, items))


def in_parts(function: Callable[..., Result], *tensors: Tensor) -> list[Result]:
    """Call `function` on matching parts of flat tensors of one length; results in order.

    One part per thread of PyTorch for large tensors of the CPU, else a single one. The parts may
    be of any length, so the results must be combined in a way that does not depend on it.
    """
    workers = workers_for(tensors[:1])
    if workers == 1:
        return [function(*tensors)]
    parts = zip(*(tensor.chunk(workers) for tensor in tensors), strict=True)
    return list(pool(workers).map(lambda part: function(*part), parts))


@cache
def pool(workers: int) -> ThreadPoolExecutor:
    """Threads that live as long as the process, idle between events."""
    executor = ThreadPoolExecutor(workers, "worker", initializer=stay_on_one_core)
    ready = threading.Barrier(workers)
    list(executor.map(lambda _: ready.wait(), range(workers)))
    # The last setting, of whichever thread, is also what threads get that start later.
    torch.set_num_threads(workers)
    return executor


def stay_on_one_core() -> None:
    """Let this thread's operations use no other."""
    torch.set_num_threads(1)
    # PyTorch applies a setting when a thread first asks: it must be this one, not a later one.
    assert torch.get_num_threads() == 1
