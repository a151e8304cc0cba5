"""The moments of AdamW and its update on them, for optimizers that are AdamW in part.

Names and places are those of torch.optim.AdamW, and so is the update: there is no second Adam to
keep right.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

Group = dict[str, Any]


def moments(group: Group) -> tuple[str, ...]:
    """The names of the moments that this group keeps, each of its parameter's shape."""
    return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if group["amsgrad"] else 2]


def new_moments(parameter: nn.Parameter, group: Group) -> dict[str, Tensor]:
    """The counter of steps and the moments of a parameter before its first update, all zero."""
    # Where torch's AdamW keeps it: the fused kernel counts on the device.
    device = parameter.device if group["fused"] else "cpu"
    step = torch.zeros((), dtype=torch.float32, device=device)
    return {"step": step} | {name: torch.zeros_like(parameter) for name in moments(group)}


def update_by_moments(
    group: Group,
    parameters: Sequence[nn.Parameter],
    states: Sequence[dict[str, Any]],
    *,
    learning_rate: float,
    weight_decay: float,
    epsilon: float | None = None,
) -> None:
    """One step of AdamW on parameters of a group, all of which have a gradient.

    group: its betas, eps, amsgrad and fused count; states: of the parameters, as of `new_moments`;
    epsilon: instead of the group's.
    """
    beta1, beta2 = group["betas"]
    adamw(
        list(parameters),
        [parameter.grad for parameter in parameters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
        [state["step"] for state in states],
        fused=group["fused"],
        amsgrad=group["amsgrad"],
        beta1=beta1,
        beta2=beta2,
        lr=learning_rate,
        weight_decay=weight_decay,
        eps=group["eps"] if epsilon is None else epsilon,
        maximize=False,
    )
