"""A step of the reciprocal attention study, trained with any optimizer and any pruning method."""

from collections.abc import Iterator
from typing import Any

import torch

from gpt2.architectures import model_of
from gpt2.evaluate import evaluating
from gpt2.execution import evaluation_scope
from gpt2.model import GPT
from gpt2.ra import ReciprocalGPT, row_rates
from gpt2.reciprocal.activation import RULES, Activation
from gpt2.reciprocal.analysis import GateMonitor, contributions, finite, has_gates, in_full, values
from gpt2.reciprocal.eviction import EvictingAttention
from gpt2.reciprocal.options import Options, step_of
from gpt2.reciprocal.row_rates import RowRates
from gpt2.reciprocal.steps import widths
from gpt2.trainers.base import BaseGPT2Trainer
from gpt2.trainers.step import StepOutcome
from lib.optimizers import decouples_decay

# Windows of the validation text on which the terms of a model are compared.
LOOKED_AT = 4


class UnifiedRATrainer(BaseGPT2Trainer):
    """Builds the blocks of the step, wakes their gates, and looks at them."""

    def build_model(self) -> GPT:
        step = step_of(self.settings)
        assert step is not None
        self.ra_step = step
        return model_of(self.settings, self.dataset.manifest.vocab_size, self.settings["SEED"])

    def prepare_training(self) -> None:
        settings, step = self.settings, self.ra_step
        self.activation = Activation(
            step,
            RULES[settings["RA_STEADY"]],
            settings["RA_RAMP_STEPS"],
            self.length,
            self.device.torch_name,
        )
        self.gates: GateMonitor | None = None
        if has_gates(self.model):
            self.gates = GateMonitor(self.model, settings["LOG_INTERVAL"])
            self.training_step.observers.append(self.gates)
        if step.scales_rows:
            options = Options.of(settings)
            rank = widths(step, self.model.shape, options.rank).rank
            rates = row_rates(self.model.shape, options, rank)
            is_decoupled = decouples_decay(settings["OPTIMIZER"], settings)
            self.row_rates = RowRates(self.model, self.optimizer, rates, is_decoupled)
        self._wake()

    def on_step_end(self, outcome: StepOutcome) -> None:
        if self.activation.observe(self.step, outcome.loss):
            figure = self.activation.figure
            self.journal.row(
                "activation", reason=self.activation.reason, figure=figure, ramp=self._ramp()
            )
            said = f"the reciprocal parts wake up after step {self.step} ({self.activation.reason}"
            self.console.line(said + (")" if figure is None else f", {figure:.4g})"))
        if self.activation.policy != "none":
            self._wake()

    def _ramp(self) -> int:
        return self.settings["RA_RAMP_STEPS"]

    def _wake(self) -> None:
        if isinstance(self.model, ReciprocalGPT):
            self.model.wake(self.activation.awake(self.step))

    def extra_metrics(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.gates is not None:
            yield from self.gates.rows()

    def extra_evaluation(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.gates is not None:
            for kind, found in self._looked_at().items():
                yield f"{kind}_detail", found

    def _looked_at(self) -> dict[str, dict[str, Any]]:
        """Every value, and what the terms contribute on the first validation windows."""
        rows = next(self.windows.batches(LOOKED_AT))
        tokens_BT = torch.from_numpy(rows)[:, :-1].to(self.device.torch_name).long()
        with evaluating(self.model), evaluation_scope(self.speed, self.device.torch_name):
            terms = contributions(self.model, tokens_BT)
        found: dict[str, dict[str, Any]] = {}
        for kind, of_kind in values(self.model).items():
            found[kind] = finite({"values": in_full(of_kind), **terms.get(kind, {})})
        return found

    def extra_state(self) -> dict[str, Any]:
        return {"activation": self.activation.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.activation.load_state_dict(state["activation"])

    def extra_summary(self) -> dict[str, Any]:
        """What the gates came to; also written to gates.json, with every value."""
        step = self.ra_step
        summary: dict[str, Any] = {
            "step": step.name,
            "activation": {
                "policy": step.activation,
                "woken_at": self.activation.woken_at,
                "reason": self.activation.reason,
                "figure": self.activation.figure,
            },
        }
        caches = [m for m in self.model.modules() if isinstance(m, EvictingAttention)]
        if caches:
            item_bytes = 2 if self.speed.dtype == "bfloat16" else 4
            full = 2 * self.model.shape.block_size * self.model.shape.n_embd * item_bytes
            # What a cache of this size would hold for one sequence; nothing here saves it.
            summary["cache"] = {
                "bytes": sum(layer.cache_bytes(item_bytes) for layer in caches),
                "full_bytes": full * len(caches),
            }
        if self.gates is not None:
            self.run.write_gates(
                summary
                | {
                    "initial": {kind: in_full(v) for kind, v in self.gates.initial.items()},
                    "final": self._looked_at(),
                }
            )
            summary |= {kind: finite(row) for kind, row in self.gates.rows()}
        return {"reciprocal": summary}
