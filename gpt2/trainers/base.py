"""The training loop of every arm.

The loop knows no optimizer and no pruning method by name: it gets them from the registries. What
differs between families of models is `build_model`. A start is a resume from nothing: there is
one loop, and it evaluates, trains or stops according to where the run stands.
"""

import math
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import torch

from gpt2.budget import micro_batch, tokens_per_step, total_steps
from gpt2.datasets.loader import Loader
from gpt2.datasets.sampler import TrainSampler, ValidationWindows
from gpt2.datasets.shards import Dataset
from gpt2.evaluate import Evaluation, evaluate
from gpt2.model import GPT
from gpt2.trainers.finite import Diverged
from gpt2.trainers.identity import Identity
from gpt2.trainers.saving import Saver
from gpt2.trainers.step import StepOutcome, TrainingStep
from gpt2.trainers.window import Window
from lib.clock import Clock, Durations
from lib.console import Console, count, duration
from lib.device import Device
from lib.metrics import MetricsWriter
from lib.optimizers import build_optimizer, describe_groups, notes, read_events
from lib.pruning import build_pruner
from lib.rng import stream_seed
from lib.runs import RunDirectory
from lib.signals import StopRequests

HEARTBEAT_S = 2.0


class BaseGPT2Trainer(ABC):
    """Trains one model on one device, from wherever it stands to the last step."""

    def __init__(
        self,
        settings: dict[str, Any],
        identity: Identity,
        run: RunDirectory,
        dataset: Dataset,
        device: Device,
        console: Console,
        clock: Clock,
        stop: StopRequests,
    ) -> None:
        """`settings`: typed Kconfig values, every axis reduced to its one member."""
        self.settings = settings
        self.identity = identity
        self.run = run
        self.dataset = dataset
        self.device = device
        self.console = console
        self.clock = clock
        self.stop = stop

        steps = total_steps(settings, len(dataset.train))
        assert steps is not None
        self.total_steps = steps
        self.step = 0
        self.tokens = 0
        self.evaluated_step = 0
        self.best: dict[str, float] | None = None
        self.last_evaluation: Evaluation | None = None
        self.step_times = Durations()
        self.window_start_s = 0.0

        seed = settings["SEED"]
        generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
        # Initial weights are drawn on the processor, so that they are equal on every device.
        self.model = self.build_model(generator).to(device.torch_name)
        self.parameters = list(self.model.parameters())
        block_size = settings["BLOCK_SIZE"]
        self.sampler = TrainSampler(
            dataset.train, block_size, micro_batch(settings), stream_seed(seed, "data")
        )
        self.windows = ValidationWindows(dataset.validation, block_size)
        self.sampled_windows = ValidationWindows(
            dataset.validation, block_size, settings["EVAL_SAMPLES"]
        )
        self.optimizer = build_optimizer(
            settings["OPTIMIZER"], self.model.named_parameters(), settings
        )
        self.pruner = build_pruner(
            settings["PRUNING_METHOD"],
            self.model.named_parameters(),
            self.optimizer,
            settings,
            self.total_steps,
        )
        is_gpu = device.kind != "cpu"
        self.loader = Loader(
            self.sampler,
            device.torch_name,
            settings["PREFETCH"],
            pin_memory=is_gpu and settings["PIN_MEMORY"],
        )
        self.training_step = TrainingStep(
            settings,
            self.model,
            self.optimizer,
            self.pruner,
            self.loader,
            device,
            clock,
            self.total_steps,
            self._autocast,
        )
        # Dropout draws from PyTorch's global stream, which nothing else here may touch.
        torch.manual_seed(stream_seed(seed, "dropout"))

    @abstractmethod
    def build_model(self, generator: torch.Generator) -> GPT:
        """The model, on the processor, its initial weights drawn from `generator`."""

    @property
    def window(self) -> Window:
        return self.training_step.window

    @property
    def optimizer_times(self) -> Durations:
        return self.training_step.optimizer_times

    def data_position(self) -> dict[str, int]:
        """Where the walk through the training split stands; plain numbers."""
        batch = self.step * self.settings["GRADIENT_ACCUMULATION"]
        epoch, window = self.sampler.position(batch * micro_batch(self.settings))
        return {"micro_batch": batch, "epoch": epoch, "window": window}

    def train(self) -> None:
        """Go on to the last step and its evaluation.

        Raises Diverged; then the weights are those before the bad step. Raises Stopped after a
        signal, with the state saved.
        """
        self._announce()
        with ExitStack() as stack:
            stack.callback(self.loader.close)
            self.metrics = stack.enter_context(
                MetricsWriter(self.run.metrics_path, resume_step=self.step)
            )
            self.saver = stack.enter_context(Saver(self))
            stack.enter_context(self.stop.deferred())
            self._last_beat = -math.inf
            self.model.train()
            while not self.is_finished():
                if self.stop.requested is not None:
                    self.saver.save_and_wait()
                    self.stop.check()
                if self.is_evaluation_due():
                    self._evaluate()
                else:
                    self._advance()
                self.saver.save_if_due()
                self._beat("train")
            self.saver.finish()

    def is_finished(self) -> bool:
        return self.step == self.evaluated_step == self.total_steps

    def is_evaluation_due(self) -> bool:
        """Whether this step's evaluation is still to be done."""
        if self.step == self.evaluated_step:
            return False
        return self.step == self.total_steps or self.step % self.settings["EVAL_INTERVAL"] == 0

    def _advance(self) -> None:
        """One optimizer step, and a log line if one is due."""
        with self.clock.measure("train"):
            start = time.perf_counter()
            outcome = self.training_step(self.step + 1)
            if self.device.kind == "cpu":
                self.step_times.add(time.perf_counter() - start)
        self.step += 1
        self.tokens += tokens_per_step(self.settings)
        if outcome.event is not None:
            self.row("prune", **outcome.event.row(), prune_ms=1e3 * outcome.prune_s)
        if outcome.spike_factor is not None:
            self.row("spike", factor=outcome.spike_factor)
        if self.step == self.total_steps or self.step % self.settings["LOG_INTERVAL"] == 0:
            self._log(outcome)

    def _log(self, outcome: StepOutcome) -> None:
        """Read the sums that the device kept since the last line, and say them."""
        with self.clock.measure("train"):
            # On a GPU this waits for the steps of the window, whose time it therefore is.
            self.training_step.check.settle()
            means = self.window.means()
        steps = self.window.steps
        seconds = self.clock.seconds["train"] - self.window_start_s
        if self.device.kind != "cpu":
            # A single step's call returns before its work is done; the window's is done now.
            for _ in range(steps):
                self.step_times.add(seconds / steps)
        tokens_per_s = steps * tokens_per_step(self.settings) / seconds
        self.row(
            "train",
            **means,
            learning_rate=outcome.learning_rate,
            tokens_per_s=tokens_per_s,
            step_ms=1e3 * seconds / steps,
            **read_events(self.optimizer),
        )
        eta_s = self._eta_s()
        eta = f"  ETA {duration(eta_s)}" if eta_s is not None else ""
        self.console.progress(
            f"{self._place()}  loss {means['loss']:.4f}  lr {outcome.learning_rate:.2e}"
            f"  {count(tokens_per_s)} tok/s{eta}"
        )
        self.training_step.window = Window(self.device.torch_name)
        self.window_start_s = self.clock.seconds["train"]

    def _evaluate(self) -> None:
        """Evaluate, unless a signal cuts it short; then it is done first thing after a resume."""
        is_last = self.step == self.total_steps
        start = time.perf_counter()
        with self.clock.measure("eval"):
            result = evaluate(
                self.model,
                self.windows if is_last else self.sampled_windows,
                micro_batch(self.settings),
                self.device.torch_name,
                self._autocast(),
                self._may_go_on,
            )
        if result is None:
            return
        split = self.dataset.manifest.split("validation")
        sparsity = self.pruner.report().achieved
        self.row(
            "eval",
            split="validation",
            loss=result.loss,
            perplexity=result.perplexity,
            bits_per_byte=result.bits_per_byte(split.tokens, split.bytes),
            windows=result.windows,
            evaluated_tokens=result.tokens,
            is_full_split=result.is_full_split,
            sparsity=sparsity,
            eval_s=time.perf_counter() - start,
        )
        pruned = f"  sparsity {100 * sparsity:.1f}%" if self.settings["PRUNING"] else ""
        self.console.line(
            f"{self._place()}  validation loss {result.loss:.4f}"
            f"  perplexity {result.perplexity:.2f}{pruned}"
        )
        if not math.isfinite(result.loss):
            raise Diverged(f"validation loss {result.loss:g} at step {self.step}")
        self.last_evaluation = result
        self.evaluated_step = self.step
        if self.best is None or result.loss < self.best["loss"]:
            self.best = {"loss": result.loss, "step": self.step, "sparsity": sparsity}

    def _may_go_on(self) -> bool:
        self._beat("eval")
        return self.stop.requested is None

    def _beat(self, phase: str) -> None:
        if time.monotonic() - self._last_beat >= HEARTBEAT_S:
            self._last_beat = time.monotonic()
            self.run.beat(step=self.step, steps=self.total_steps, eta_s=self._eta_s(), phase=phase)

    def _eta_s(self) -> float | None:
        """Seconds of training left, from the latest steps; None before the warm-up is over."""
        recent_ms = self.step_times.recent_ms()
        return None if recent_ms is None else (self.total_steps - self.step) * recent_ms / 1e3

    def _place(self) -> str:
        return f"step {self.step:>{len(str(self.total_steps))}}/{self.total_steps}"

    def row(self, kind: str, **values: Any) -> None:
        """A row of metrics.jsonl at this step."""
        train_s = self.clock.seconds.get("train", 0.0)
        self.metrics.row(kind, self.step, self.tokens, time_s=train_s, **values)

    def _autocast(self) -> AbstractContextManager[None]:
        if self.settings["DTYPE"] == "float32":
            return nullcontext()
        return torch.autocast(self.device.torch_name, dtype=torch.bfloat16)

    def _announce(self) -> None:
        shape = self.model.shape
        parameters = sum(parameter.numel() for parameter in self.parameters)
        self.console.line(
            f"model {self.settings['MODEL']}: {shape.n_layer} layers, {shape.n_head} heads, width "
            f"{shape.n_embd}, context {shape.block_size}, vocabulary {shape.vocab_size}: "
            f"{count(parameters)} parameters"
        )
        for description in describe_groups(self.optimizer):
            self.console.log(str(description))
        for note in notes(self.optimizer):
            self.console.line(f"note: {note}")
        self.console.line(f"pruning: {self.pruner.describe()}")
        if self.training_step.spikes is not None:
            self.console.line(f"gradient spikes are injected: {self.training_step.spikes}")
        epochs = self.total_steps * tokens_per_step(self.settings) / len(self.dataset.train)
        self.console.line(
            f"{self.total_steps} steps of {tokens_per_step(self.settings):,} tokens on "
            f"{self.device}, {self.settings['DTYPE']}: {epochs:.2f} epochs over "
            f"{len(self.dataset.train):,} tokens"
        )
