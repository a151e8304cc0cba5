"""What an optimizer is given and what it is restored from: refused early, by name.

A parameter without a gradient keeps its initial value for the whole run, and a moment that is not
finite spoils its weight one step later: both without an error from torch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lib.optimizers.groups import NamedParameters, unique_trainable

# Each has one element per weight.
MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer")

# Options of a group that may differ between the run that saved and the one that continues: the
# schedule's value, and the kernel, which follows from the device.
FREE_OPTIONS = frozenset({"params", "lr", "fused", "foreach", "capturable", "differentiable"})


def check_gradients(named_parameters: NamedParameters) -> None:
    """Every trainable parameter has a gradient that an optimizer here can use.

    To be called after a backward pass; once is enough, where the model does not change.
    Raises ValueError for the first parameter without a gradient, and for a sparse or complex one.
    """
    for name, parameter in unique_trainable(named_parameters):
        gradient = parameter.grad
        if gradient is None:
            raise ValueError(
                f"parameter {name} has no gradient after the backward pass, so it would keep its "
                "initial value; let the loss depend on it, or set its requires_grad to False"
            )
        if gradient.layout != torch.strided or gradient.is_complex():
            raise ValueError(
                f"the gradient of {name} is {gradient.dtype}, {gradient.layout}, which no "
                "optimizer here can use; make it a dense tensor of real numbers (sparse=False)"
            )


def load_optimizer_state(optimizer: torch.optim.Optimizer, state_dict: Mapping[str, Any]) -> None:
    """Continue from a saved state: all of it, or nothing and a ValueError that says why.

    state_dict: what `optimizer.state_dict()` returned in a run with the same settings. Refused:
    another kind of optimizer, other settings, another number or shape of parameters, unknown
    entries, and values that are not finite.
    """
    before = optimizer.state_dict()
    _check_layout(before, state_dict)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, state in state_dict["state"].items():
        if index not in range(len(parameters)):
            raise _refusal(f"it has state for parameter {index} of {len(parameters)}")
        _check_parameter_state(index, parameters[index], state, _known_names(optimizer, index))
    try:
        optimizer.load_state_dict(dict(state_dict))
    except (KeyError, TypeError, ValueError) as error:
        optimizer.load_state_dict(before)
        raise _refusal(f"it cannot be loaded ({error})") from error


def _check_layout(ours: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    if set(saved) != set(ours):
        raise _refusal(f"it holds {_names(saved)} where {_names(ours)} belong")
    if len(saved["param_groups"]) != len(ours["param_groups"]):
        raise _refusal(
            f"it has {len(saved['param_groups'])} parameter groups, "
            f"this model has {len(ours['param_groups'])}"
        )
    for theirs, mine in zip(saved["param_groups"], ours["param_groups"], strict=True):
        label = mine["name"]
        if theirs.keys() - FREE_OPTIONS != mine.keys() - FREE_OPTIONS:
            raise _refusal(f"its group {label} has the options {_names(theirs)}")
        if theirs["params"] != mine["params"]:
            raise _refusal(
                f"its group {label} has {len(theirs['params'])} parameters, "
                f"this model's has {len(mine['params'])}"
            )
        for option in sorted(mine.keys() - FREE_OPTIONS):
            if theirs[option] != mine[option]:
                raise _refusal(
                    f"it was saved with {option}={theirs[option]} in group {label}, "
                    f"this run has {mine[option]}"
                )


def _known_names(optimizer: torch.optim.Optimizer, index: int) -> frozenset[str] | None:
    """What torch's own optimizers keep for a parameter; None for one that keeps more."""
    for group in optimizer.param_groups:
        if index < len(group["params"]):
            break
        index -= len(group["params"])
    if type(optimizer) is torch.optim.SGD:
        return frozenset({"momentum_buffer"})
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        third = {"max_exp_avg_sq"} if group["amsgrad"] else set()
        return frozenset({"step", "exp_avg", "exp_avg_sq"} | third)
    return None


def _check_parameter_state(
    index: int, parameter: nn.Parameter, state: Mapping[str, Any], known: frozenset[str] | None
) -> None:
    if known is not None and state and set(state) != known:
        raise _refusal(f"parameter {index} has {_names(state)} where {_names(known)} belong")
    for name, value in state.items():
        if not isinstance(value, Tensor):
            continue
        if name in MOMENTS and value.shape != parameter.shape:
            raise _refusal(
                f"{name} of parameter {index} is {tuple(value.shape)}, "
                f"the parameter {tuple(parameter.shape)}"
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise _refusal(f"{name} of parameter {index} is not finite everywhere")


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"


def _refusal(what: str) -> ValueError:
    return ValueError(
        f"the saved state does not belong to this optimizer: {what}; continue with the "
        "configuration and the model that saved it, or start the run afresh"
    )
