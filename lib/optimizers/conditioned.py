"""AdamW that changes gradients before the shared clip, and zeroes its moments now and then.

What AdamWSPAM and Stable-SPAM have in common: one step counter, moments and the update by
torch's own functional AdamW, the order "condition, clip by norm, update", everything in
`state_dict()`. What they do to gradients and moments is in their own files.

Peculiar: the update may run at lr * s without scaling the decay: the kernel decays by lr * wd, so
it gets the decay wd / s. With s = 1 both numbers pass untouched, and the step is AdamW bit for bit.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lib.norms import total_norm
from lib.optimizers.kernels import can_all_be_fused
from lib.optimizers.moments import Group, moments, new_moments, update_by_moments


class ConditionedAdamW(torch.optim.Optimizer):
    """A step is: reset what is due, condition the gradients, (the trainer clips,) update."""

    def __init__(
        self, groups: list[Group], *, names: Mapping[nn.Parameter, str], **defaults: Any
    ) -> None:
        """groups: as of `parameter_groups`; names: of every parameter, for messages.

        defaults: lr, betas, eps, weight_decay, amsgrad, interval (steps between resets of the
        moments, inf for none), bias_reset, and what the subclass keeps per group; a group may
        have values of its own.
        """
        super().__init__(groups, defaults | {"fused": can_all_be_fused(groups)})
        self._names = names
        self._steps = 0
        self._is_conditioned = False

    @abstractmethod
    def _condition(self, step: int, norm: Tensor) -> Tensor:
        """Do all that comes before the clip of step `step` (1-based); returns the norm after it."""

    @abstractmethod
    def _extra_state(self) -> dict[str, Any]:
        """What the subclass must find again after a resume, besides moments and groups."""

    @abstractmethod
    def _load_extra_state(self, extra: dict[str, Any]) -> None:
        """Take up what `_extra_state` returned."""

    def _scale(self, group: Group, step: int) -> float:
        """The factor s > 0 of the update of a step; decay is not scaled."""
        return 1.0

    @torch.no_grad()
    def condition_gradients(self, norm: Tensor) -> Tensor:
        """Condition all gradients in place, without waiting for the device.

        norm: 0-D, of the gradients as they are. Returns their norm afterwards, 0-D.
        Raises ValueError for a sparse or complex gradient, by the parameter's name.
        """
        assert not self._is_conditioned, "gradients conditioned twice without a step between"
        for parameter in self._with_gradient():
            self._check_gradient(parameter)
            self._prepare(parameter)
        norm = self._condition(self._steps + 1, norm)
        self._is_conditioned = True
        return norm

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient; condition the gradients first if need be."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if not self._is_conditioned:
            for parameter in self._with_gradient():
                self._check_gradient(parameter)
            self.condition_gradients(self._norm())
        for group in self.param_groups:
            self._update(group)
        self._steps += 1
        self._is_conditioned = False
        return loss

    def state_dict(self) -> dict[str, Any]:
        """As of torch, and under "conditioning" the step counter and what the subclass adds."""
        assert not self._is_conditioned, "saved between the conditioning and the step"
        extra = {"steps": self._steps} | self._extra_state()
        return super().state_dict() | {"conditioning": extra}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue bit-equal. Raises ValueError for the state of another kind of optimizer."""
        if "conditioning" not in state_dict:
            raise ValueError(
                f"the saved state is not that of {type(self).__name__}: it has no 'conditioning'; "
                "continue with the optimizer that saved it"
            )
        super().load_state_dict(state_dict)
        self._steps = state_dict["conditioning"]["steps"]
        self._is_conditioned = False
        self._load_extra_state(state_dict["conditioning"])

    @property
    def reset_interval(self) -> int | None:
        """Steps between two resets, the shortest of any group; None if there are none."""
        shortest = min(group["interval"] for group in self.param_groups)
        return int(shortest) if math.isfinite(shortest) else None

    @property
    def steps_since_reset(self) -> int | None:
        """Updates since the latest reset of any group, so at least 1; None before the first."""
        ages = [since_reset(self._steps, group["interval"]) for group in self.param_groups]
        latest = min((age for age in ages if age is not None), default=None)
        return None if latest is None else latest + 1

    def _with_gradient(self) -> list[nn.Parameter]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]

    def _norm(self) -> Tensor:
        """The norm of all gradients, 0-D."""
        return total_norm([parameter.grad for parameter in self._with_gradient()])

    def _check_gradient(self, parameter: nn.Parameter) -> None:
        gradient = parameter.grad
        if gradient.layout != torch.strided or gradient.is_complex():
            raise ValueError(
                f"the gradient of {self._names[parameter]} is {gradient.dtype}, {gradient.layout}, "
                f"which {type(self).__name__} cannot use; make it a dense tensor of real numbers "
                "(sparse=False)"
            )

    def _prepare(self, parameter: nn.Parameter) -> None:
        """Moments of a parameter whose first gradient this is."""
        state = self.state[parameter]
        if state:
            return
        group = next(g for g in self.param_groups if any(p is parameter for p in g["params"]))
        state |= new_moments(parameter, group)
        # Updates since the start or the last reset. Not the age of the optimizer: a parameter
        # may get its first gradient late.
        state["updates"] = 0

    def _epsilon(self, group: Group, state: Mapping[str, Any]) -> float:
        """What the kernel adds to the root of the corrected second moment, for one parameter."""
        return group["eps"]

    def _reset_if_due(self, step: int) -> bool:
        """Zero the moments of every group whose interval divides `step`; whether there was one.

        With the group's `bias_reset` the bias correction starts afresh too.
        """
        due = [group for group in self.param_groups if step % group["interval"] == 0]
        for group in due:
            states = [self.state[p] for p in group["params"] if p in self.state]
            for name in (*moments(group), *(("step",) if group["bias_reset"] else ())):
                tensors = [state[name] for state in states]
                if tensors:
                    torch._foreach_zero_(tensors)
            for state in states:
                state["updates"] = 0
        return bool(due)

    def _update(self, group: Group) -> None:
        scale = self._scale(group, self._steps + 1)
        learning_rate, decay = group["lr"], group["weight_decay"]
        if scale != 1.0:
            learning_rate, decay = learning_rate * scale, decay / scale
        by_epsilon: dict[float, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            if parameter.grad is not None:
                epsilon = self._epsilon(group, self.state[parameter])
                by_epsilon.setdefault(epsilon, []).append(parameter)
        for epsilon, parameters in by_epsilon.items():
            update_by_moments(
                group,
                parameters,
                [self.state[parameter] for parameter in parameters],
                learning_rate=learning_rate,
                weight_decay=decay,
                epsilon=epsilon,
            )
            for parameter in parameters:
                self.state[parameter]["updates"] += 1


def since_reset(step: int, interval: float) -> int | None:
    """k of step `step` (1-based): 0 on the step of a reset; None before the first reset.

    interval: steps between resets, inf for none.
    """
    return None if step < interval else int(step % interval)


def add(counter: Tensor | None, amount: Tensor) -> Tensor:
    """A counter on the device plus a 0-D amount; None is a counter at zero."""
    return amount.double() if counter is None else counter + amount.double()


def read(counter: Tensor | None) -> float:
    """The count, which waits for the device."""
    return 0.0 if counter is None else float(counter.item())
