"""Our trainer as a thing whose steps can be timed one by one.

The only file here that knows how a trainer is made and stepped. It is the class that a run uses,
with the sampler, the optimizer and the switches that the configuration chooses; only what lies
between the steps of a run (log lines, evaluations, checkpoints) does not happen.
"""

import io
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import torch

from gpt2.budget import micro_batch
from gpt2.datasets.shards import Dataset
from gpt2.execution import find_facts
from gpt2.shape import padded_vocabulary
from gpt2.speed import resolve
from gpt2.trainers.identity import Identity
from gpt2.trainers.run import set_up_torch
from gpt2.trainers.state import capture
from gpt2.trainers.vanilla import VanillaGPT2Trainer
from lib.checkpoint import State
from lib.clock import Clock
from lib.console import Console
from lib.device import Device
from lib.garbage import GarbageCollector
from lib.runs import RunDirectory
from lib.signals import StopRequests


class OurLoop:
    """A trainer before its first step."""

    def __init__(
        self, settings: Mapping[str, Any], dataset: Dataset, device: Device, folder: Path
    ) -> None:
        """folder: of the run; must not be there yet.

        Also puts PyTorch's switches for the whole process, as a run does: what is measured beside
        this loop in one process has them too.
        """
        vocabulary = padded_vocabulary(dataset.manifest.vocab_size, settings["VOCAB_MULTIPLE"])
        facts = find_facts(device, os.environ)
        speed = resolve(settings, facts, vocabulary, micro_batch(settings))
        set_up_torch(dict(settings), speed)
        folder.mkdir(parents=True)
        run = RunDirectory(folder)
        self._open = ExitStack()
        console = self._open.enter_context(Console(run.log_path, "", io.StringIO()))
        identity = Identity("", {}, dataset.manifest.hash)
        self._trainer = VanillaGPT2Trainer(
            dict(settings) | {"DTYPE": speed.dtype},
            identity,
            run,
            dataset,
            device,
            console,
            Clock(time.perf_counter()),
            StopRequests(),
            matmul=None,
            speed=speed,
        )
        self._trainer.prepare_steps()
        self._open.callback(self._trainer.training_step.loader.close)
        self._garbage = self._open.enter_context(GarbageCollector(speed.freeze_garbage))
        self.model = self._trainer.model
        self.model.train()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def initial_weights(self) -> dict[str, torch.Tensor]:
        """A copy by name, on the processor; a tied tensor under each of its names."""
        return {name: value.cpu().clone() for name, value in self.model.state_dict().items()}

    def step(self) -> None:
        """One optimizer step. On a GPU it may return before the work is done."""
        self._trainer.take_step()
        self._garbage.settle()

    def settle(self) -> None:
        """What a run does where a log line is due: wait for the steps, read their times, tidy."""
        self._trainer.settle()
        self._garbage.collect()

    def read(self) -> dict[str, float]:
        """Means since the last reading: loss, gradient_norm. Waits for the device."""
        self._trainer.settle()
        figures = self._trainer.window.read()
        self._trainer.open_window()
        return {"loss": figures.loss, "gradient_norm": figures.gradient_norm}

    def state(self, step: int) -> State:
        """What a checkpoint of this step holds: live tensors, not copies."""
        return capture(self._trainer) | {"step": step}
