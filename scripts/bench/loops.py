"""The two loops of a workload, each as a thing that takes one step after another."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from gpt2.budget import tokens_per_step
from gpt2.cost import model_flops
from gpt2.datasets import Dataset
from gpt2.model import padded_vocabulary
from lib.flops import PALM
from scripts.bench.context import Context
from scripts.bench.data import make_dataset
from scripts.bench.our_loop import OurLoop
from scripts.bench.plain_loop import PlainGPT, Said, open_tokens, plain_loop
from scripts.bench.timing import Step, timed
from scripts.bench.workloads import Workload

# Longer than any measurement, so that none comes to the end of its schedule.
LENGTH = {"MAX_ITERS": "1000000"}
TRAIN_TOKENS = 2_000_000
VALIDATION_TOKENS = 100_000


def workload_data(workload: Workload, folder: Path) -> Dataset:
    """Made-up tokens of the workload's vocabulary."""
    return make_dataset(folder, workload.vocab_size, TRAIN_TOKENS, VALIDATION_TOKENS, seed=1)


def train_file(dataset: Dataset) -> Path:
    """The one file of the training split."""
    (shard,) = dataset.manifest.train.shards
    return dataset.folder / shard.file


class PlainLoop:
    """The plain loop before its first step."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        dataset: Dataset,
        device: torch.device,
        seed: int,
        weights: Mapping[str, torch.Tensor] | None,
    ) -> None:
        """seed: of the windows; weights: of our model by name, None for PyTorch's own."""
        vocab_size = dataset.manifest.vocab_size
        self.model = PlainGPT(settings, padded_vocabulary(vocab_size, settings["VOCAB_MULTIPLE"]))
        if weights is not None:
            # Strict: a parameter that only one of the two has would make them different models.
            self.model.load_state_dict(weights)
        self.model.to(device)
        tokens = open_tokens(train_file(dataset))
        self._steps = plain_loop(self.model, tokens, settings, seed)

    def step(self) -> Said:
        """One optimizer step."""
        return next(self._steps)


class Loops:
    """Ours, the plain one and its twin, from one set of initial weights."""

    def __init__(self, context: Context, workload: Workload, stack: ExitStack) -> None:
        """stack: closes what is opened here."""
        settings = context.settings(LENGTH | workload.ours)
        plain_settings = context.settings(LENGTH | dict(workload.options))
        self.tokens = tokens_per_step(settings)
        assert self.tokens == tokens_per_step(plain_settings), workload.name
        folder = context.folder / workload.key
        dataset = workload_data(workload, folder / "data")
        self.ours = stack.enter_context(OurLoop(settings, dataset, context.device, folder / "run"))
        weights = self.ours.initial_weights()
        self.plain, self.twin = (
            PlainLoop(plain_settings, dataset, context.torch_device, seed, weights)
            for seed in (1, 2)
        )
        self.flops = model_flops(self.ours.model, settings["BLOCK_SIZE"]).training(PALM)
        self.dtype = torch.bfloat16 if settings["DTYPE"] == "bfloat16" else torch.float32

    def steps(self) -> list[Step]:
        """One training step each: the plain loop, ours, the twin."""
        return [timed(loop.step) for loop in (self.plain, self.ours, self.twin)]
