"""The plain loop as a thing that takes one step after another, and what both loops train on."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpt2.datasets import Dataset, TrainSampler
from gpt2.shape import padded_vocabulary
from lib.rng import stream_seed
from scripts.bench.data import make_dataset
from scripts.bench.plain_loop import PlainGPT, Said, get_batch, open_tokens, plain_loop
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


Batches = Callable[[], tuple[Tensor, Tensor]]
"""x_BT and y_BT of the next micro-batch, int64, on the device."""


def random_windows(
    dataset: Dataset, settings: Mapping[str, Any], device: torch.device, seed: int
) -> Batches:
    """Those of the plain loop: anywhere in the training split."""
    tokens, generator = open_tokens(train_file(dataset)), torch.Generator().manual_seed(seed)
    size = settings["BLOCK_SIZE"], settings["BATCH_SIZE"]
    return lambda: get_batch(tokens, *size, device, generator)


def our_windows(dataset: Dataset, settings: Mapping[str, Any], device: torch.device) -> Batches:
    """Those that our trainer takes with the same settings, in its order."""
    seed = stream_seed(settings["SEED"], "data")
    sampler = TrainSampler(dataset.train, settings["BLOCK_SIZE"], settings["BATCH_SIZE"], seed)
    indices = count()

    def batch() -> tuple[Tensor, Tensor]:
        rows = sampler.batch(next(indices)).astype(np.int64)
        rows_BT1 = torch.from_numpy(rows).to(device)
        return rows_BT1[:, :-1].contiguous(), rows_BT1[:, 1:].contiguous()

    return batch


class PlainLoop:
    """The plain loop before its first step."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        vocab_size: int,
        device: torch.device,
        batches: Batches,
        weights: Mapping[str, Tensor] | None,
    ) -> None:
        """vocab_size: of the tokenizer; weights: of our model by name, None for PyTorch's own."""
        self.model = PlainGPT(settings, padded_vocabulary(vocab_size, settings["VOCAB_MULTIPLE"]))
        if weights is not None:
            # Strict: a parameter that only one of the two has would make them different models.
            self.model.load_state_dict(weights)
        self.model.to(device)
        self._steps = plain_loop(self.model, batches, settings)

    def step(self) -> Said:
        """One optimizer step."""
        return next(self._steps)

    def settle(self) -> None:
        """Nothing: this loop keeps nothing to be read later."""
