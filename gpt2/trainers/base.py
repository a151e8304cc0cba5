"""The training loop of every arm.

The loop knows no optimizer and no pruning method by name: it gets them from the registries. What
differs between families of models is `build_model`.
"""

import math
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from gpt2.budget import micro_batch, tokens_per_step, total_steps
from gpt2.datasets.sampler import TrainSampler, ValidationWindows
from gpt2.datasets.shards import Dataset
from gpt2.evaluate import Evaluation, evaluate
from gpt2.model import GPT
from gpt2.schedule import learning_rate
from gpt2.spikes import spikes_of
from gpt2.trainers.window import Window
from lib.clock import Clock, Durations
from lib.console import Console, count, duration
from lib.device import Device
from lib.metrics import MetricsWriter
from lib.optimizers import (
    build_optimizer,
    check_gradients,
    condition_gradients,
    describe_groups,
    notes,
    read_events,
    set_learning_rate,
)
from lib.pruning import build_pruner
from lib.rng import stream_seed
from lib.runs import RunDirectory

HEARTBEAT_S = 2.0


class Diverged(ArithmeticError):
    """The loss or the gradient is not finite. A result of the run, not a failure of the harness."""


class BaseGPT2Trainer(ABC):
    """Trains one model on one device, from step 0 to the last step."""

    def __init__(
        self,
        settings: dict[str, Any],
        run: RunDirectory,
        dataset: Dataset,
        device: Device,
        console: Console,
        clock: Clock,
    ) -> None:
        """`settings`: typed Kconfig values, every axis reduced to its one member."""
        self.settings = settings
        self.run = run
        self.dataset = dataset
        self.device = device
        self.console = console
        self.clock = clock

        seed = settings["SEED"]
        steps = total_steps(settings, len(dataset.train))
        assert steps is not None
        self.total_steps = steps
        self.step = 0
        self.tokens = 0

        generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
        # Initial weights are drawn on the processor, so that they are equal on every device.
        self.model = self.build_model(generator).to(device.torch_name)
        self.parameters = list(self.model.parameters())
        self.sampler = TrainSampler(
            dataset.train,
            settings["BLOCK_SIZE"],
            micro_batch(settings),
            stream_seed(seed, "data"),
        )
        self.windows = ValidationWindows(dataset.validation, settings["BLOCK_SIZE"])
        self.sampled_windows = ValidationWindows(
            dataset.validation, settings["BLOCK_SIZE"], settings["EVAL_SAMPLES"]
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
        self.spikes = spikes_of(settings)
        # Dropout draws from PyTorch's global stream, which nothing else here may touch.
        torch.manual_seed(stream_seed(seed, "dropout"))

        self.step_times = Durations()
        self.optimizer_times = Durations()
        self.best: dict[str, float] | None = None
        self.final: Evaluation | None = None

    @abstractmethod
    def build_model(self, generator: torch.Generator) -> GPT:
        """The model, on the processor, its initial weights drawn from `generator`."""

    def train(self) -> None:
        """Run every step. Raises Diverged; then the weights are those before the bad step."""
        self._announce()
        with MetricsWriter(self.run.metrics_path, resume_step=self.step) as self.metrics:
            self._open_window()
            last_beat = -math.inf
            self.model.train()
            while self.step < self.total_steps:
                with self.clock.measure("train"):
                    start = time.perf_counter()
                    self._step()
                    self.step_times.add(time.perf_counter() - start)
                is_last = self.step == self.total_steps
                if is_last or self.step % self.settings["LOG_INTERVAL"] == 0:
                    self._log()
                if is_last or self.step % self.settings["EVAL_INTERVAL"] == 0:
                    self._evaluate(self.windows if is_last else self.sampled_windows)
                if time.monotonic() - last_beat >= HEARTBEAT_S:
                    last_beat = time.monotonic()
                    self.run.beat(step=self.step, steps=self.total_steps, eta_s=self._eta_s())

    def _step(self) -> None:
        """One optimizer step, in the order that holds for every arm."""
        settings = self.settings
        rate = learning_rate(
            self.step + 1,
            self.total_steps,
            settings["LEARNING_RATE"],
            settings["WARMUP_STEPS"],
            settings["MIN_LR"] if settings["DECAY_LR"] else settings["LEARNING_RATE"],
        )
        set_learning_rate(self.optimizer, rate)

        factor = self.spikes.factor_of(self.step + 1) if self.spikes else None
        loss = self._accumulate_gradients(factor)
        if self.step == 0:
            # A parameter without a gradient would keep its initial value, silently.
            check_gradients(self.model.named_parameters())
        self.pruner.gate_gradients()
        norm = torch.nn.utils.get_total_norm(
            [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        )
        if not (loss + norm).isfinite().item():
            raise Diverged(
                f"loss {loss.item():g}, gradient norm {norm.item():g} at step {self.step + 1}"
            )
        clipped: Tensor | None = None
        with self._measure_optimizer():
            conditioned = condition_gradients(self.optimizer, norm)
            if (limit := settings["GRAD_CLIP"]) > 0:
                torch.nn.utils.clip_grads_with_norm_(self.parameters, limit, conditioned)
                clipped = conditioned > limit
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._window.add(loss, norm, clipped)
        self.last_rate = rate

        self.step += 1
        self.tokens += tokens_per_step(settings)
        start = time.perf_counter()
        event = self.pruner.step(self.step)
        seconds = time.perf_counter() - start
        self.clock.add("prune", seconds)
        if event is not None:
            self._row("prune", **event.row(), prune_ms=1e3 * seconds)
        if factor is not None:
            self._row("spike", factor=factor)

    def _accumulate_gradients(self, factor: float | None) -> Tensor:
        """Add up the gradients of the step's micro-batches; returns their mean loss (0-D).

        factor: of the first micro-batch's gradient, where a spike is due. The loss is the true one.
        """
        count = self.settings["GRADIENT_ACCUMULATION"]
        total = torch.zeros((), device=self.device.torch_name)
        for micro_step in range(count):
            with self.clock.measure("data"):
                rows = self.sampler.batch(self.step * count + micro_step)
                # Two bytes a token go to the device and are widened there.
                rows_BT1 = torch.from_numpy(rows).to(self.device.torch_name).long()
            with self._autocast():
                loss = self.model.loss(rows_BT1) / count
            is_spike = factor is not None and micro_step == 0
            (loss * factor if is_spike else loss).backward()
            total += loss.detach()
        return total

    def _autocast(self) -> AbstractContextManager[None]:
        if self.settings["DTYPE"] == "float32":
            return nullcontext()
        return torch.autocast(self.device.torch_name, dtype=torch.bfloat16)

    def _measure_optimizer(self) -> AbstractContextManager[None]:
        # On a GPU the call returns before the work is done; a clock here would measure nothing.
        if self.device.kind != "cpu":
            return nullcontext()
        return _Stopwatch(self.optimizer_times, self.clock)

    def _log(self) -> None:
        """Read the sums that the device kept since the last line, and say them."""
        steps = self._window.steps
        seconds = self.clock.seconds["train"] - self._window_start_s
        means = self._window.means()
        tokens_per_s = steps * tokens_per_step(self.settings) / seconds
        self._row(
            "train",
            **means,
            learning_rate=self.last_rate,
            tokens_per_s=tokens_per_s,
            step_ms=1e3 * seconds / steps,
            **read_events(self.optimizer),
        )
        eta_s = self._eta_s()
        eta = f"  ETA {duration(eta_s)}" if eta_s is not None else ""
        self.console.progress(
            f"step {self.step:>{len(str(self.total_steps))}}/{self.total_steps}"
            f"  loss {means['loss']:.4f}  lr {self.last_rate:.2e}  {count(tokens_per_s)} tok/s{eta}"
        )
        self._open_window()

    def _open_window(self) -> None:
        self._window = Window(self.device.torch_name)
        self._window_start_s = self.clock.seconds.get("train", 0.0)

    def _evaluate(self, windows: ValidationWindows) -> None:
        start = time.perf_counter()
        with self.clock.measure("eval"):
            result = evaluate(
                self.model,
                windows,
                micro_batch(self.settings),
                self.device.torch_name,
                self._autocast(),
            )
        split = self.dataset.manifest.split("validation")
        sparsity = self.pruner.report().achieved
        self._row(
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
        if self.best is None or result.loss < self.best["loss"]:
            self.best = {"loss": result.loss, "step": self.step, "sparsity": sparsity}
        self.final = result
        pruned = f"  sparsity {100 * sparsity:.1f}%" if self.settings["PRUNING"] else ""
        self.console.line(
            f"step {self.step:>{len(str(self.total_steps))}}/{self.total_steps}"
            f"  validation loss {result.loss:.4f}  perplexity {result.perplexity:.2f}{pruned}"
        )
        if not math.isfinite(result.loss):
            raise Diverged(f"validation loss {result.loss:g} at step {self.step}")

    def _eta_s(self) -> float | None:
        """Seconds of training left, from the steps after the warm-up; None before there are any."""
        median_ms = self.step_times.quantile_ms(0.5) if self.step > Durations.WARM_UP else None
        return None if median_ms is None else (self.total_steps - self.step) * median_ms / 1e3

    def _row(self, kind: str, **values: Any) -> None:
        train_s = self.clock.seconds.get("train", 0.0)
        self.metrics.row(kind, self.step, self.tokens, time_s=train_s, **values)

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
        if self.spikes is not None:
            self.console.line(f"gradient spikes are injected: {self.spikes}")
        epochs = self.total_steps * tokens_per_step(self.settings) / len(self.dataset.train)
        self.console.line(
            f"{self.total_steps} steps of {tokens_per_step(self.settings):,} tokens on "
            f"{self.device}, {self.settings['DTYPE']}: {epochs:.2f} epochs over "
            f"{len(self.dataset.train):,} tokens"
        )


class _Stopwatch:
    """Adds one optimizer step to its list of durations and to the clock."""

    def __init__(self, durations: Durations, clock: Clock) -> None:
        self._durations = durations
        self._clock = clock

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        seconds = time.perf_counter() - self._start
        self._durations.add(seconds)
        self._clock.add("optimizer", seconds)
