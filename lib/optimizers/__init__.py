"""Optimizers: one factory each, one registry line, the same parameter groups for all.

A registry entry says which configuration symbols become which keyword of its factory. So no
trainer knows an optimizer by name, and no optimizer knows where its settings come from.
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from lib.optimizers.adamw import adamw
from lib.optimizers.adamwprune import adamwprune
from lib.optimizers.groups import (
    GroupDescription,
    NamedParameters,
    assert_groups,
    describe_groups,
    parameter_groups,
)

__all__ = [
    "OPTIMIZERS",
    "GroupDescription",
    "OptimizerEntry",
    "build_optimizer",
    "describe_groups",
    "optimizer_state_bytes",
    "parameter_groups",
    "set_learning_rate",
]

ADAM_SETTINGS = {
    "LEARNING_RATE": "learning_rate",
    "BETA1": "beta1",
    "BETA2": "beta2",
    "EPSILON": "epsilon",
    "WEIGHT_DECAY": "weight_decay",
}


@dataclass(frozen=True)
class OptimizerEntry:
    """One line of the registry."""

    summary: str
    """One line for the generated tables."""
    build: Callable[..., torch.optim.Optimizer]
    """build(named_parameters, **keywords) over `parameter_groups`."""
    settings: Mapping[str, str]
    """Configuration symbol -> keyword of `build`."""


OPTIMIZERS: dict[str, OptimizerEntry] = {
    "adamw": OptimizerEntry("Adam with decoupled weight decay", adamw, ADAM_SETTINGS),
    "adamwprune": OptimizerEntry(
        "AdamW whose moments can score the pruning (method state)",
        partial(adamwprune, base=adamw),
        ADAM_SETTINGS,
    ),
}


def build_optimizer(
    name: str, named_parameters: NamedParameters, settings: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """The optimizer `name` over all trainable parameters.

    settings: typed values by configuration symbol; the entry's symbols must be among them.
    Raises ValueError for an unknown name, a value out of range, a sparse or complex parameter.
    """
    if name not in OPTIMIZERS:
        near = difflib.get_close_matches(name, OPTIMIZERS)
        hint = f"did you mean {near[0]}" if near else f"choose one of {', '.join(OPTIMIZERS)}"
        raise ValueError(f"there is no optimizer '{name}'; {hint}")
    entry = OPTIMIZERS[name]
    named = list(named_parameters)
    keywords = {keyword: settings[symbol] for symbol, keyword in entry.settings.items()}
    optimizer = entry.build(named, **keywords)
    assert_groups(optimizer, named)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Write the schedule's value into every group; nothing else ever writes there.

    Raises ValueError for a negative or non-finite value.
    """
    if not (math.isfinite(learning_rate) and learning_rate >= 0):
        raise ValueError(
            f"the learning rate of this step is {learning_rate}; "
            "set LEARNING_RATE and MIN_LR to finite values >= 0"
        )
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def optimizer_state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of all state tensors (moments and step counters); 0 before the first step."""
    return sum(
        value.numel() * value.element_size()
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
