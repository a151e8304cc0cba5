"""The training loop of every arm.

The loop knows no optimizer and no pruning method by name: it gets them from the registries. What
differs between families of models is `build_model`. A start is a resume from nothing: there is
one loop, and it evaluates, trains or stops according to where the run stands.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from gpt2.budget import Batch, batch_of, length_of, tokens_per_step
from gpt2.cost import model_flops
from gpt2.datasets.loader import Loader
from gpt2.datasets.sampler import TrainSampler, ValidationWindows
from gpt2.datasets.shards import Dataset
from gpt2.evaluate import Evaluation, evaluate
from gpt2.execution import (
    attention_in_use,
    evaluation_scope,
    forward_scope,
    loss_function,
    prepare_model,
    rehearse,
)
from gpt2.micro_batch import choose_micro_batch
from gpt2.model import GPT
from gpt2.side_evaluations import SideEvaluations
from gpt2.speed import Speed
from gpt2.trainers.finite import Diverged
from gpt2.trainers.identity import Identity
from gpt2.trainers.journal import Journal
from gpt2.trainers.saving import Saver
from gpt2.trainers.step import StepOutcome, TrainingStep
from gpt2.trainers.window import Window
from lib.anatomy import OPTIMIZER, STEP, Anatomy
from lib.clock import Clock, Durations
from lib.console import Console
from lib.device import Device
from lib.garbage import GarbageCollector
from lib.matmul import MatmulRate
from lib.metrics import MetricsWriter
from lib.optimizers import build_optimizer
from lib.pruning import build_pruner
from lib.rng import stream_seed
from lib.runs import RunDirectory
from lib.signals import StopRequests
from lib.trackers.feed import open_feed

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
        matmul: MatmulRate | None,
        speed: Speed,
        initial: Callable[[GPT], None] | None = None,
    ) -> None:
        """`settings`: typed Kconfig values, every axis reduced to its one member; `matmul`: what
        the device did in a plain product, where that was measured; `initial`: gives the model
        other weights than random ones, before anything looks at them."""
        self.settings = settings
        self.identity = identity
        self.run = run
        self.dataset = dataset
        self.device = device
        self.console = console
        self.clock = clock
        self.stop = stop
        self.matmul = matmul
        self.speed = speed
        self.anatomy = Anatomy.of(clock, device)

        self.length = length_of(settings, len(dataset.train), self.trained_s)
        self.step = 0
        self.tokens = 0
        self.evaluated_step = 0
        self.shown_step = 0
        self.best: dict[str, float] | None = None
        self.last_evaluation: Evaluation | None = None
        self.window_start_s = 0.0

        # Initial weights are drawn on the processor, so that they are equal on every device.
        self.model = self.build_model()
        if initial is not None:
            initial(self.model)
        self.model.to(device.torch_name)
        self.parameters = list(self.model.parameters())
        prepare_model(self.model, speed)
        self.attention = attention_in_use(self.model, speed, device.torch_name)
        self.loss = loss_function(self.model, speed)
        block_size = settings["BLOCK_SIZE"]
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
            self.length,
        )
        self.training_step = TrainingStep(
            settings,
            self.model,
            self.loss,
            self.optimizer,
            self.pruner,
            device,
            self.anatomy,
            self.length,
            speed,
        )
        self.use_batch(batch_of(settings))
        self.flops = model_flops(self.model, block_size)
        self.side_evaluations = SideEvaluations(
            settings, dataset.manifest.tokenizer, device.torch_name, console.line
        )
        self.journal = Journal(self)
        self.prepare_training()

    @abstractmethod
    def build_model(self) -> GPT:
        """The model, on the processor, with its initial weights."""

    def prepare_training(self) -> None:  # noqa: B027 (a hook: nothing unless overridden)
        """Called once, when everything of the trainer is there, before any checkpoint is loaded."""

    def on_step_end(self, outcome: StepOutcome) -> None:  # noqa: B027
        """Called after each optimizer step. Must not wait for a GPU."""

    def extra_metrics(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Kind and values of further rows at a log line."""
        return ()

    def extra_evaluation(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """The same at an evaluation."""
        return ()

    def extra_state(self) -> dict[str, Any]:
        """What else a resumed run has to know: plain containers and tensors."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take up what `extra_state` gave."""

    def extra_summary(self) -> dict[str, Any]:
        """What else belongs into summary.json."""
        return {}

    def use_batch(self, batch: Batch) -> None:
        """Group the sequences of a step in this way from now on; they are the same in every way."""
        self.batch = batch
        self.sampler = TrainSampler(
            self.dataset.train,
            self.settings["BLOCK_SIZE"],
            batch.micro,
            stream_seed(self.settings["SEED"], "data"),
        )
        is_gpu = self.device.kind != "cpu"
        loader = Loader(
            self.sampler,
            self.device.torch_name,
            self.settings["PREFETCH"],
            pin_memory=is_gpu and self.settings["PIN_MEMORY"],
        )
        self.training_step.use_batches(loader, batch.accumulation)

    def prepare_steps(self) -> None:
        """What must be over before the first step: the search for the micro-batch, compiling."""
        name = self.device.torch_name
        if self.speed.fit_micro_batch and self.step == 0:
            fit = choose_micro_batch(self.settings, self.speed, self.model, self.loss, name)
            self.use_batch(fit.batch)
            self.console.line(str(fit))
        if self.speed.compile:
            seconds = rehearse(self.loss, self.model, self.batch.micro, self.speed, name)
            self.clock.add("compile", seconds)

    @property
    def window(self) -> Window:
        return self.training_step.window

    @property
    def step_times(self) -> Durations:
        return self.anatomy.times(STEP)

    @property
    def optimizer_times(self) -> Durations:
        return self.anatomy.times(OPTIMIZER)

    def data_place(self) -> dict[str, int]:
        """Where the walk through the training split stands; plain numbers."""
        return self.sampler.place(self.step * self.batch.accumulation)

    def train(self) -> None:
        """Go on to the last step and its evaluation.

        Raises Diverged; then the weights are those before the bad step. Raises Stopped after a
        signal, with the state saved.
        """
        self.journal.announce()
        with ExitStack() as stack:
            self.prepare_steps()
            stack.callback(self.training_step.loader.close)
            garbage = stack.enter_context(GarbageCollector(self.speed.freeze_garbage))
            self.journal.metrics = stack.enter_context(
                MetricsWriter(self.run.metrics_path, resume_step=self.step)
            )
            # After the writer: it follows the file.
            self.feed = stack.enter_context(open_feed(self.settings, self.run, self.console.line))
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
                elif self.shown_step == self.step:
                    self._advance(garbage)
                if not self.is_evaluation_due():
                    self._evaluate_aside()
                self.saver.save_if_due()
                self._beat("train")
            self.saver.finish()

    def trained_s(self) -> float:
        """Seconds in steps, of all attempts: no evaluation, checkpoint, compiling or start."""
        return self.clock.seconds.get("train", 0.0)

    @property
    def is_last_step(self) -> bool:
        """Whether the step that was taken last is the last of the run."""
        return self.step == self.length.last_step

    def is_finished(self) -> bool:
        return self.step == self.evaluated_step == self.shown_step == self.length.last_step

    def is_evaluation_due(self) -> bool:
        """Whether this step's evaluation is still to be done."""
        if self.step == self.evaluated_step:
            return False
        return self.is_last_step or self.step % self.settings["EVAL_INTERVAL"] == 0

    def _advance(self, garbage: GarbageCollector) -> None:
        """One optimizer step, and a log line if one is due."""
        if self.length.is_near_end:
            self.settle()
        outcome = self.take_step()
        garbage.settle()
        self.journal.stepped(outcome)
        if self.is_last_step or self.step % self.settings["LOG_INTERVAL"] == 0:
            self.settle()
            with self.clock.measure("log"):
                self.journal.log(outcome)
                self.feed.check()
                garbage.collect()
            self.open_window()

    def take_step(self) -> StepOutcome:
        """One optimizer step. On a GPU it may return before the work is done."""
        with self.clock.measure("train"), self.anatomy.part(STEP):
            outcome = self.training_step(self.step + 1)
        self.step += 1
        self.tokens += tokens_per_step(self.settings)
        self.on_step_end(outcome)
        return outcome

    def open_window(self) -> None:
        """Begin to sum up for the next log line."""
        self.training_step.window = Window(self.device.torch_name)
        self.window_start_s = self.trained_s()

    def settle(self) -> None:
        """Wait for the steps that were handed out, on the clock of the training.

        Raises Diverged if one of them was not finite.
        """
        with self.clock.measure("train"):
            try:
                self.training_step.check.settle()
            except Diverged as error:
                # Whatever was handed out since then has updated nothing.
                self.step = error.updates
                self.tokens = self.step * tokens_per_step(self.settings)
                raise
            self.anatomy.settle()

    def _evaluate(self) -> None:
        """Evaluate, unless a signal cuts it short; then it is done first thing after a resume."""
        self.settle()
        start = time.perf_counter()
        is_last = self.is_last_step
        result = self._evaluation_of(self.windows if is_last else self.sampled_windows)
        # The best step is chosen by the same windows throughout, which the whole split is not.
        compared = result
        if is_last and self.best is not None and not self.sampled_windows.is_full_split:
            compared = self._evaluation_of(self.sampled_windows)
        if result is None or compared is None:
            return
        sparsity = self.pruner.report().achieved
        self.journal.evaluated(result, compared, sparsity, time.perf_counter() - start)
        if not math.isfinite(result.loss):
            message = f"validation loss {result.loss:g} at step {self.step}"
            raise Diverged(message, self.step)
        self.last_evaluation = result
        self.evaluated_step = self.step
        if self.best is None or compared.loss < self.best["loss"]:
            self.best = {"loss": compared.loss, "step": self.step, "sparsity": sparsity}

    def _evaluation_of(self, windows: ValidationWindows) -> Evaluation | None:
        """The loss over `windows`; None if a signal came first."""
        with self.clock.measure("eval"):
            return evaluate(
                self.model,
                windows,
                self.batch.micro,
                self.device.torch_name,
                evaluation_scope(self.speed, self.device.torch_name),
                self._may_go_on,
            )

    def _evaluate_aside(self) -> None:
        """Samples and HellaSwag, at the steps that ask for them, unless a signal cuts them short;
        then they come first thing after a resume."""
        is_last = self.is_last_step
        with self.clock.measure("eval"):
            # Not the scope of an evaluation: a single token has other kernels than a window.
            scope = forward_scope(self.speed, self.device.torch_name)
            found = self.side_evaluations.due(
                self.step, is_last, self.model, scope, self._may_go_on
            )
            if found is None:
                return
            for shown in found:
                self.journal.shown(shown)
        self.shown_step = self.step

    def _may_go_on(self) -> bool:
        self._beat("eval")
        return self.stop.requested is None

    def _beat(self, phase: str) -> None:
        if time.monotonic() - self._last_beat >= HEARTBEAT_S:
            self._last_beat = time.monotonic()
            steps = self.length.total_steps
            self.run.beat(step=self.step, steps=steps, eta_s=self.eta_s(), phase=phase)

    def eta_s(self) -> float | None:
        """Seconds of training left; None where too little is known."""
        return self.length.left_s(self.step_times.recent_ms(), self.step)
