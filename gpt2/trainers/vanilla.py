"""Any architecture of components, trained with any optimizer and any pruning method."""

from gpt2.architectures import model_of
from gpt2.model import GPT
from gpt2.trainers.base import BaseGPT2Trainer


class VanillaGPT2Trainer(BaseGPT2Trainer):
    """Trains a GPT of the configured sizes and components."""

    def build_model(self) -> GPT:
        return model_of(self.settings, self.dataset.manifest.vocab_size, self.settings["SEED"])
