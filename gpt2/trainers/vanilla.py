"""The published architecture, trained with any optimizer and any pruning method."""

import torch

from gpt2.model import GPT, Shape, padded_vocabulary
from gpt2.trainers.base import BaseGPT2Trainer


class VanillaGPT2Trainer(BaseGPT2Trainer):
    """Trains a GPT-2 of the configured sizes."""

    def build_model(self, generator: torch.Generator) -> GPT:
        settings = self.settings
        shape = Shape(
            n_layer=settings["N_LAYER"],
            n_head=settings["N_HEAD"],
            n_embd=settings["N_EMBD"],
            block_size=settings["BLOCK_SIZE"],
            vocab_size=padded_vocabulary(
                self.dataset.manifest.vocab_size, settings["VOCAB_MULTIPLE"]
            ),
            bias=settings["BIAS"],
            weight_tying=settings["WEIGHT_TYING"],
            dropout=settings["DROPOUT"],
            flash_attention=settings["FLASH_ATTENTION"],
        )
        return GPT(shape, generator)
