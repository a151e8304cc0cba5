"""PyTorch's compiler, kept out of a process that compiles nothing.

torch.optim marks a few methods as not to be traced, and imports the whole compiler to do so as soon
as the first of them is called: more than a second of every run. What the marks protect from is
tracing, so where nothing is traced the methods underneath are called as they are.

The names below are torch's own and private, as in 2.13. Where they are others, nothing happens
here and torch imports its compiler as it always did; a test of a whole run notices.
"""

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch

COMPILER = "torch._dynamo"

_Step = Callable[..., Any]

# Those that are built here, or whose `step` others call (lib/optimizers/).
_WITH_A_MARKED_STEP = (torch.optim.SGD, torch.optim.Adam)


def do_without_compiler() -> None:
    """Let optimizers work without torch._dynamo, unless the process has it already.

    To be called before the first optimizer is made. A step that is traced later would be traced
    without torch's marks, so a process that compiles optimizers must not call it.
    """
    if COMPILER in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        if _maker(method) == ("torch._compile", "inner"):
            plain = method.__wrapped__
            # Where torch keeps what its compiler made of the method.
            plain.__dynamo_disable = plain
    for optimizer in _WITH_A_MARKED_STEP:
        step = vars(optimizer).get("step")
        if _maker(step) == ("torch.optim.optimizer", "_use_grad"):
            optimizer.step = _with_gradients_as_asked(step.__wrapped__)


def _maker(method: object) -> tuple[str, str] | None:
    """Module and name of the function that runs when `method` is called, whatever it is called."""
    if not isinstance(method, FunctionType):
        return None
    return method.__globals__["__name__"], method.__code__.co_name


def _with_gradients_as_asked(step: _Step) -> _Step:
    """`step` as torch wraps it, less the words to the compiler."""

    @functools.wraps(step)
    def wrapper(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *args, **kwargs)

    return wrapper
