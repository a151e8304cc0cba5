"""A copy of a state in host memory, so that training goes on while it is written.

The copy lives in one block of memory that is kept for the next one. Memory that a process uses for
the first time costs far more than the copy: 1.49 GB took 0.07 to 0.12 s into used memory and 0.5 to
4.8 s into fresh (two cores of a virtual machine, the host has to find the pages). `reserve` pays
that ahead, and may be called in another thread.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from lib.checkpoint.archive import State
from lib.console import size

# What weights_only loads again. Exact types: a subclass may carry code (numpy.float64 is a float).
# Not bytes, because the empty ones are refused by torch 2.13.
PLAIN = (NoneType, bool, int, float, complex, str)

ALIGNMENT_BYTES = 64  # what torch gives its own allocations on a processor


@dataclass(frozen=True)
class Plan:
    """Where each distinct tensor of a state goes in one block of host memory."""

    places: dict[Hashable, int]
    bytes: int
    is_pinned: bool
    """Some tensors are on a GPU, which copies to page-locked memory only without waiting."""


class HostCopy:
    """Takes copies of states, each into the memory of the one before."""

    def __init__(self) -> None:
        self._memory: Tensor | None = None
        self._is_pinned = False

    @property
    def bytes(self) -> int:
        """Host memory that is held now, between copies too."""
        return self._memory.nbytes if self._memory is not None else 0

    def reserve(self, plan: Plan) -> None:
        """Have the memory for such a copy, every page of it in use. No copy may be alive.

        Raises MemoryError.
        """
        is_fit = self._is_pinned or not plan.is_pinned
        if self._memory is not None and self.bytes >= plan.bytes and is_fit:
            return
        # Given back first: there may not be room for both.
        self._memory = None
        try:
            memory = torch.empty(plan.bytes, dtype=torch.uint8, pin_memory=plan.is_pinned)
        except RuntimeError as error:
            raise MemoryError(
                f"no {size(plan.bytes)} of host memory for the copy that a checkpoint is written "
                "from; free some, or make the model smaller"
            ) from error
        # By numpy, on one core: torch's fill would wake a team of threads beside the training's.
        memory.numpy()[::4096] = 0
        self._memory, self._is_pinned = memory, plan.is_pinned

    def release(self) -> None:
        """Give the memory back, once no copy is alive."""
        self._memory = None

    def take(self, state: State, plan: Plan) -> State:
        """A deep copy. It is valid until the next call; dict for OrderedDict, tensors detached.

        plan: of this state. Tensors that are one and the same in `state` are so in the copy.
        """
        self.reserve(plan)
        copies: dict[Hashable, Tensor] = {}
        devices = set()

        def copy(tensor: Tensor, _: str) -> Tensor:
            key = _identity(tensor)
            if key not in copies:
                copies[key] = self._place(tensor, plan.places[key])
                _copy(copies[key], tensor.detach())
                if tensor.is_cuda:
                    devices.add(tensor.device)
            return copies[key]

        taken = _mapped(state, copy, "")
        for device in devices:
            torch.cuda.current_stream(device).synchronize()
        return taken

    def _place(self, tensor: Tensor, offset: int) -> Tensor:
        """A tensor like that one at an offset of the memory, with a storage of its own.

        Its own, because torch.save writes whole storages, each a member with its checksum.
        """
        strides = _strides(tensor)
        if tensor.nbytes == 0:
            return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype)
        assert self._memory is not None
        flat = torch.frombuffer(
            self._memory.numpy(), dtype=torch.uint8, count=tensor.nbytes, offset=offset
        )
        return flat.view(tensor.dtype).as_strided(tensor.shape, strides)


def _copy(target: Tensor, source: Tensor) -> None:
    """Copy the elements; from a GPU without waiting for it."""
    if source.is_cuda:
        target.copy_(source, non_blocking=True)
    elif source.device.type == "cpu" and _looks_alike(target, source):
        # By numpy, on this thread alone. On a quiet machine torch's team of two is faster, 0.07 s
        # to 0.11 s for 1.49 GB; beside other work it waits for itself at every tensor, and took
        # 0.7 to 1.9 s where this took 0.2 to 0.4 s.
        numpy.copyto(_memory_of(target), _memory_of(source))
    else:
        target.copy_(source)


def _looks_alike(target: Tensor, source: Tensor) -> bool:
    """Whether the bytes of one are the bytes of the other. target: without gaps."""
    is_as_it_is = not source.is_conj() and not source.is_neg()
    return is_as_it_is and target.stride() == source.stride() and target.nbytes > 0


def _memory_of(tensor: Tensor) -> numpy.ndarray:
    """The bytes of a tensor of the processor whose elements fill its memory, as they lie there."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8).numpy()


def plan_copy(state: State) -> Plan:
    """Look through a state, and refuse what a checkpoint cannot hold.

    Raises TypeError naming the place of the first value that is neither a plain container, a
    plain value nor a dense tensor: it would not load again, or not without trust.
    """
    places: dict[Hashable, int] = {}
    end = 0
    is_pinned = False

    def place(tensor: Tensor, where: str) -> Tensor:
        nonlocal end, is_pinned
        if tensor.layout != torch.strided or tensor.is_meta:
            raise TypeError(f"{where} is not a dense tensor with data, and cannot be saved")
        key = _identity(tensor)
        if key not in places:
            places[key] = end
            end += -(-tensor.nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
            is_pinned = is_pinned or tensor.is_cuda
        return tensor

    _mapped(state, place, "")
    return Plan(places, end, is_pinned)


def _mapped(value: Any, function: Callable[[Tensor, str], Tensor], where: str) -> Any:
    """A copy of nested plain containers with `function(tensor, its place)` for each tensor."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind in (Tensor, nn.Parameter):
        return function(value, where)
    if kind in (dict, OrderedDict):
        for key in value:
            _mapped(key, _no_tensor, f"the key {key!r} of {where or 'the state'}")
        return {key: _mapped(item, function, f"{where}/{key}") for key, item in value.items()}
    if kind in (list, tuple):
        return kind(_mapped(item, function, f"{where}/{i}") for i, item in enumerate(value))
    if kind is set:
        return {_mapped(item, _no_tensor, where) for item in value}
    raise TypeError(
        f"{where or 'the state'} is a {kind.__module__}.{kind.__qualname__}, which would not load "
        "again as plain data; save it as tensors, numbers, texts, lists and dicts"
    )


def _no_tensor(_: Tensor, where: str) -> Tensor:
    raise TypeError(f"{where} holds a tensor where it would be hashed, and cannot be saved")


def _identity(tensor: Tensor) -> Hashable:
    """Equal for two tensors that are the same elements of the same memory, such as tied weights."""
    place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.device)
    look = (tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_conj(), tensor.is_neg())
    return place + look


def _strides(tensor: Tensor) -> tuple[int, ...]:
    """Those of the tensor if its elements fill its memory, else row by row.

    Kept, because moments must lie in memory as their weight does, also after a resume.
    """
    return torch.empty_like(tensor, device="meta").stride()
