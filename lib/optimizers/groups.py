"""Which parameters decay: the one rule, for every optimizer, arm and architecture.

Tensors with two or more dimensions (matrices, embeddings) decay; vectors and scalars (biases,
norms, gates) do not. A tied tensor counts once. Known answer for GPT-2 124M (vocabulary 50304,
biases, tied head): 50 tensors / 124,354,560 elements decay, 98 tensors / 121,344 do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

NamedParameters = Iterable[tuple[str, nn.Parameter]]

BLOCK_PREFIX = "blocks."  # of the names of all parameters inside the transformer blocks


@dataclass(frozen=True)
class GroupDescription:
    """What one parameter group really trains with, read back from the optimizer, for the log."""

    name: str
    tensors: int
    elements: int
    learning_rate: float
    weight_decay: float
    betas: tuple[float, float] | None
    """None where there is no second moment."""
    eps: float | None
    amsgrad: bool
    momentum: float | None
    """None for the Adam family, whose momentum is the first of the betas."""

    def __str__(self) -> str:
        if self.betas is None:
            kind = f"momentum {self.momentum}"
        else:
            kind = f"betas {self.betas}, eps {self.eps}, amsgrad {self.amsgrad}"
        return (
            f"group {self.name}: {self.tensors} tensors, {self.elements:,} elements, "
            f"lr {self.learning_rate:g}, decay {self.weight_decay:g}, {kind}"
        )


def parameter_groups(
    named_parameters: NamedParameters, *, weight_decay: float, learning_rate_factor: float = 1.0
) -> list[dict[str, Any]]:
    """Split the trainable parameters into the groups "decay" and "no-decay", in model order.

    named_parameters: names for the messages, tensors of any shape; weight_decay: >= 0, for the
    first group; learning_rate_factor: what `set_learning_rate` multiplies the schedule's value by.
    A group without members is left out. Returns groups for a torch optimizer.
    Raises ValueError for a sparse or complex parameter, and if nothing is trainable.
    """
    trainable = unique_trainable(named_parameters)
    if not trainable:
        raise ValueError(
            "the model has no trainable parameter; check that requires_grad is set somewhere"
        )
    for name, parameter in trainable:
        if parameter.layout != torch.strided or parameter.is_complex():
            raise ValueError(
                f"parameter {name} is {parameter.dtype}, {parameter.layout}, which no optimizer "
                "here can train; make it a dense tensor of real numbers"
            )
    decay = [parameter for _, parameter in trainable if parameter.ndim >= 2]
    rest = [parameter for _, parameter in trainable if parameter.ndim < 2]
    groups = [
        {"name": "decay", "params": decay, "weight_decay": weight_decay},
        {"name": "no-decay", "params": rest, "weight_decay": 0.0},
    ]
    return [
        group | {"learning_rate_factor": learning_rate_factor}
        for group in groups
        if group["params"]
    ]


def unique_trainable(named_parameters: NamedParameters) -> list[tuple[str, nn.Parameter]]:
    """The parameters that want a gradient, each tensor once, under the first of its names."""
    first: dict[int, tuple[str, nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            first.setdefault(id(parameter), (name, parameter))
    return list(first.values())


def assert_groups(optimizer: torch.optim.Optimizer, named_parameters: NamedParameters) -> None:
    """Every trainable parameter is in exactly one group, and no vector or scalar decays.

    A parameter that no group holds keeps its initial value for the whole run, silently.
    """
    grouped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    counted = {id(parameter) for parameter in grouped}
    assert len(counted) == len(grouped), "a parameter is in two groups"
    missing = [name for name, p in unique_trainable(named_parameters) if id(p) not in counted]
    assert not missing, f"parameters in no group: {', '.join(missing)}"
    for group in optimizer.param_groups:
        decays_a_vector = any(p.ndim < 2 for p in group["params"]) and group["weight_decay"] != 0
        assert not decays_a_vector, f"group {group['name']} decays tensors of fewer than 2 dims"


def describe_groups(optimizer: torch.optim.Optimizer) -> list[GroupDescription]:
    """The realised groups, from the optimizer itself and not from what was asked of it."""
    return [
        GroupDescription(
            name=group["name"],
            tensors=len(group["params"]),
            elements=sum(parameter.numel() for parameter in group["params"]),
            learning_rate=group["lr"],
            weight_decay=group["weight_decay"],
            betas=group.get("betas"),
            eps=group.get("eps"),
            amsgrad=group.get("amsgrad", False),
            momentum=group.get("momentum"),
        )
        for group in optimizer.param_groups
    ]
