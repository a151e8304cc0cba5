"""One optimizer step, in the order that holds for every arm (docs/testing.md lists its guards).

Learning rate; gradients of the micro-batches; gate of pruned coordinates; the optimizer's own
conditioning; clip by the global norm; stop on a value that is not finite; update; pruner.
"""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gpt2.budget import warmup_steps
from gpt2.datasets.loader import Loader
from gpt2.execution import Loss, forward_scope, step_scope
from gpt2.instruments import gradient_monitor
from gpt2.model import GPT
from gpt2.schedule import learning_rate
from gpt2.speed import Speed
from gpt2.spikes import spikes_of
from gpt2.trainers.finite import finite_check
from gpt2.trainers.window import Window
from lib.anatomy import DATA, FORWARD_BACKWARD, OPTIMIZER, PRUNE, Anatomy
from lib.device import Device
from lib.optimizers import check_gradients, condition_gradients, set_learning_rate
from lib.pruning import PruneEvent, Pruner


@dataclass(frozen=True)
class StepOutcome:
    """What else happened in a step, for the log."""

    learning_rate: float
    spike_factor: float | None
    event: PruneEvent | None
    prune_s: float
    loss: Tensor
    """Mean over the step, 0-D, on the device."""


class Observer(Protocol):
    """Looks at the gradients of some steps, before they are clipped."""

    def is_due(self, step: int) -> bool: ...

    def observe(self) -> None: ...


class TrainingStep:
    """Everything that a step touches, and nothing that only looks at it."""

    def __init__(
        self,
        settings: dict[str, Any],
        model: GPT,
        loss: Loss,
        optimizer: torch.optim.Optimizer,
        pruner: Pruner,
        device: Device,
        anatomy: Anatomy,
        total_steps: int,
        speed: Speed,
    ) -> None:
        """`settings`: typed Kconfig values of one run; `loss`: the model's, or that compiled."""
        self.settings = settings
        self.model = model
        self.parameters = list(model.parameters())
        self.optimizer = optimizer
        self.pruner = pruner
        self.device = device
        self.anatomy = anatomy
        self.total_steps = total_steps
        self.loss = loss
        self.step_scope = step_scope(speed, device.torch_name)
        self.forward_scope = forward_scope(speed, device.torch_name)
        self.spikes = spikes_of(settings)
        self.gradients = gradient_monitor(settings, model.named_parameters())
        self.observers: list[Observer] = [self.gradients] if self.gradients is not None else []
        self.window = Window(device.torch_name)
        self.check = finite_check(optimizer, device.torch_name)
        self._has_checked_gradients = False

    def use_batches(self, loader: Loader, accumulation: int) -> None:
        """Take micro-batches from this loader, so many in a step."""
        self.loader = loader
        self.accumulation = accumulation

    def __call__(self, step: int) -> StepOutcome:
        """Optimizer step `step` (1-based). Raises Diverged; the weights stay as before the step."""
        rate = self._learning_rate(step)
        set_learning_rate(self.optimizer, rate)
        factor = self.spikes.factor_of(step) if self.spikes else None
        with self.step_scope:
            loss = self._accumulate_gradients(step, factor)
        if not self._has_checked_gradients:
            # A parameter without a gradient would keep its initial value, silently.
            check_gradients(self.model.named_parameters())
            self._has_checked_gradients = True
        self.pruner.gate_gradients()
        norm = torch.nn.utils.get_total_norm(
            [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        )
        self.check.watch(loss, norm, step)
        for observer in self.observers:
            if observer.is_due(step):
                observer.observe()
        clipped: Tensor | None = None
        with self.anatomy.part(OPTIMIZER):
            conditioned = condition_gradients(self.optimizer, norm)
            if (limit := self.settings["GRAD_CLIP"]) > 0:
                torch.nn.utils.clip_grads_with_norm_(self.parameters, limit, conditioned)
                clipped = conditioned > limit
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.window.add(loss, norm, clipped)
        start = time.perf_counter()
        with self.anatomy.part(PRUNE):
            event = self.pruner.step(step)
        return StepOutcome(rate, factor, event, time.perf_counter() - start, loss)

    def _learning_rate(self, step: int) -> float:
        settings = self.settings
        floor = settings["MIN_LR"] if settings["DECAY_LR"] else settings["LEARNING_RATE"]
        warmup = warmup_steps(settings, self.total_steps)
        return learning_rate(step, self.total_steps, settings["LEARNING_RATE"], warmup, floor)

    def _accumulate_gradients(self, step: int, factor: float | None) -> Tensor:
        """Add up the gradients of the step's micro-batches; returns their mean loss (0-D).

        factor: of the first micro-batch's gradient, where a spike is due. The loss is the true one.
        """
        count = self.accumulation
        total = torch.zeros((), device=self.device.torch_name)
        for micro_step in range(count):
            with self.anatomy.part(DATA):
                rows_BT1 = self.loader.rows((step - 1) * count + micro_step)
            with self.anatomy.part(FORWARD_BACKWARD):
                with self.forward_scope:
                    loss = self.loss(rows_BT1) / count
                is_spike = factor is not None and micro_step == 0
                (loss * factor if is_spike else loss).backward()
            total += loss.detach()
        return total
