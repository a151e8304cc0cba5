"""The published architecture, trained with any optimizer and any pruning method."""

import torch

from gpt2.model import GPT
from gpt2.trained import shape_of
from gpt2.trainers.base import BaseGPT2Trainer


class VanillaGPT2Trainer(BaseGPT2Trainer):
    """Trains a GPT-2 of the configured sizes."""

    def build_model(self, generator: torch.Generator) -> GPT:
        return GPT(shape_of(self.settings, self.dataset.manifest.vocab_size), generator)
