"""Rows of queries and keys that learn at their own rates: the control V0lr.

V1 multiplies the rows of its queries and keys by the root of a gate. With an optimizer whose steps
do not know the scale of a gradient, such as Adam, it is then V0c with rows that learn at the root
of the gate times the rate, and decay at the rate of all. Measured: the losses of both agree to
1e-12 in float64 (tests/gpt2/reciprocal).
"""

from typing import Any

import torch
from torch import Tensor

from gpt2.model import GPT


class RowRates:
    """Scales what each step of an optimizer does to some rows, in every layer."""

    def __init__(
        self, model: GPT, optimizer: torch.optim.Optimizer, rates: Tensor, is_decoupled: bool
    ) -> None:
        """rates: of the first rows of each attention's projection, [N]; is_decoupled: the optimizer
        decays weights beside its update, and that part is not scaled."""
        self._weights = [block.attention.qkv.weight for block in model.blocks]
        self._rates = rates[:, None].to(self._weights[0].device)
        self._is_decoupled = is_decoupled
        self._before: list[Tensor] = []
        optimizer.register_step_pre_hook(self._remember)
        optimizer.register_step_post_hook(self._scale)

    @torch.no_grad()
    def _remember(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._before = [weight[: len(self._rates)].clone() for weight in self._weights]

    @torch.no_grad()
    def _scale(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        decays = {
            id(parameter): group["lr"] * group["weight_decay"] if self._is_decoupled else 0.0
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for weight, before in zip(self._weights, self._before, strict=True):
            rows = weight[: len(self._rates)]
            decayed = before * (1.0 - decays[id(weight)])
            # Where nothing but decay happened, nothing is scaled.
            rows.copy_(decayed + self._rates * (rows - decayed))
        self._before = []
