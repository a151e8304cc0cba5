"""What a run says and writes down while it goes on; it reads the training and changes nothing."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from gpt2.banner import banner, brief
from gpt2.budget import tokens_per_step
from gpt2.evaluate import Evaluation
from gpt2.instruments import memory_of, memory_row, run_facts
from gpt2.progress import Progress, report
from gpt2.side_evaluations import Shown
from gpt2.trainers.step import StepOutcome
from lib.arms import BITTER2_ALONE, is_bitter2_alone
from lib.gpu import open_monitor
from lib.memory import MemoryNow, MemorySplit, memory_split, process_memory
from lib.metrics import MetricsWriter
from lib.optimizers import describe_groups, notes, read_events
from lib.throughput import throughput

if TYPE_CHECKING:
    from gpt2.trainers.base import BaseGPT2Trainer


class Journal:
    """Rows for metrics.jsonl, lines for the log and for the terminal."""

    def __init__(self, trainer: "BaseGPT2Trainer") -> None:
        self.trainer = trainer
        self.console = trainer.console
        self.monitor = open_monitor(trainer.device)
        self.metrics: MetricsWriter | None = None
        """Open while the run trains."""

    def announce(self) -> None:
        """What is about to be done."""
        trainer = self.trainer
        facts = run_facts(
            run=trainer.run.name,
            settings=trainer.settings,
            model=trainer.model,
            dataset=trainer.dataset,
            device=trainer.device,
            steps=trainer.length.total_steps,
            first_step=trainer.step,
            matmul=trainer.matmul,
            split=self._split(),
            pruning=trainer.pruner.describe(),
            choices=self._choices(),
        )
        self.console.block(banner(facts), brief(facts))
        if trainer.device.kind != "cpu" and self.monitor.reason is not None:
            self.console.log(f"memory of this process on the GPU: unknown, {self.monitor.reason}")
        for description in describe_groups(trainer.optimizer):
            self.console.log(str(description))
        for note in notes(trainer.optimizer):
            self.console.line(f"note: {note}")
        if is_bitter2_alone(trainer.settings):
            self.console.line(f"note: {BITTER2_ALONE}")
        if trainer.training_step.spikes is not None:
            self.console.line(f"gradient spikes are injected: {trainer.training_step.spikes}")

    def row(self, kind: str, step: int | None = None, **values: Any) -> None:
        """A row of metrics.jsonl at this step, or of an earlier one that is known only now."""
        trainer = self.trainer
        assert self.metrics is not None
        at = trainer.step if step is None else step
        tokens = at * tokens_per_step(trainer.settings)
        self.metrics.row(kind, at, tokens, time_s=trainer.trained_s(), **values)

    def sync(self) -> None:
        """Have the disk hold every row so far."""
        assert self.metrics is not None
        self.metrics.sync()

    def stepped(self, outcome: StepOutcome) -> None:
        """What does not happen in every step."""
        if outcome.event is not None:
            self.row("prune", **outcome.event.row(), prune_ms=1e3 * outcome.prune_s)
        if outcome.spike_factor is not None:
            self.row("spike", factor=outcome.spike_factor)

    def log(self, outcome: StepOutcome) -> None:
        """Read the sums that the device kept since the last line, and say them."""
        trainer = self.trainer
        window = trainer.window
        figures = window.read()
        seconds = trainer.trained_s() - trainer.window_start_s
        step_ms = 1e3 * seconds / window.steps
        tokens_per_s = window.steps * tokens_per_step(trainer.settings) / seconds
        speed = throughput(
            tokens_per_s, trainer.flops, trainer.device.name, trainer.matmul, zero_weights=0
        )
        self.row(
            "train",
            **asdict(figures),
            learning_rate=outcome.learning_rate,
            tokens_per_s=tokens_per_s,
            step_ms=step_ms,
            achieved_tflops=speed.achieved_tflops,
            mfu=speed.mfu,
            share_of_matmul=speed.share_of_matmul,
            **asdict(process_memory(torch.device(trainer.device.torch_name))),
            **read_events(trainer.optimizer),
        )
        gradients = None
        monitor = trainer.training_step.gradients
        if monitor is not None and monitor.has_observed:
            gradients = monitor.read()
            self.row("gradients", **gradients)
            if monitor.has_parameters:
                self.row("parameters", **monitor.read_parameters())
        for kind, values in trainer.extra_metrics():
            self.row(kind, **values)
        progress = Progress(
            place=trainer.length.place(trainer.step),
            loss=figures.loss,
            gradient_norm=figures.gradient_norm,
            learning_rate=outcome.learning_rate,
            step_ms=step_ms,
            eta_s=trainer.eta_s(),
            speed=speed,
            memory=self._memory() if trainer.settings["LOG_DETAIL"] else None,
            gradients=gradients,
        )
        report(self.console, progress, trainer.settings)

    def evaluated(
        self, result: Evaluation, sampled: Evaluation, sparsity: float, eval_s: float
    ) -> None:
        """An evaluation, and the memory at a moment when all of the training state is there.

        sampled: on the windows of the evaluations before, where `result` has others; else the same.
        """
        trainer = self.trainer
        split = trainer.dataset.manifest.split("validation")
        self.row("memory", **memory_row(self._memory(), self._split()))
        self.row(
            "eval",
            split="validation",
            loss=result.loss,
            perplexity=result.perplexity,
            bits_per_byte=result.bits_per_byte(split.tokens, split.bytes),
            windows=result.windows,
            evaluated_tokens=result.tokens,
            is_full_split=result.is_full_split,
            **_beside(result, sampled),
            sparsity=sparsity,
            eval_s=eval_s,
        )
        for kind, values in trainer.extra_evaluation():
            self.row(kind, **values)
        parts = [
            trainer.length.place(trainer.step),
            f"validation loss {result.loss:.4f}",
            f"perplexity {result.perplexity:.2f}",
        ]
        if trainer.settings["PRUNING"]:
            parts.append(f"sparsity {100 * sparsity:.1f}%")
        self.console.line("  ".join(parts))

    def shown(self, shown: Shown) -> None:
        """A sample, or HellaSwag's result."""
        self.row(shown.kind, **shown.values)
        self.console.line(shown.line)

    def _choices(self) -> dict[str, str]:
        """Ways to compute the same, for the banner."""
        speed = self.trainer.speed
        choices = {"Attention": self.trainer.attention}
        if speed.compile:
            choices["Compiled"] = speed.compile_mode or "yes"
        if speed.logit_rows is not None:
            choices["Logits"] = f"{speed.logit_rows:,} tokens at a time"
        return choices

    def _split(self) -> MemorySplit:
        trainer = self.trainer
        return memory_split(trainer.parameters, trainer.optimizer, trainer.pruner)

    def _memory(self) -> MemoryNow:
        return memory_of(self.trainer.device, self._split(), self.monitor)


def _beside(result: Evaluation, sampled: Evaluation) -> dict[str, float]:
    if sampled is result:
        return {}
    return {"sampled_loss": sampled.loss, "sampled_perplexity": sampled.perplexity}
