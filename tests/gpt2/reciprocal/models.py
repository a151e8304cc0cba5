"""Models of the study in a size for tests: two layers, width 64, four heads of 16, 32 tokens."""

from dataclasses import replace
from typing import Any

import torch

from gpt2.model import GPT
from gpt2.ra import ReciprocalGPT, step_model
from gpt2.reciprocal.options import Options
from gpt2.reciprocal.steps import STEPS, Step
from tests.gpt2.shapes import sized

SHAPE = sized(n_layer=2, n_head=4, n_embd=64, block_size=32, vocab_size=65)
OPTIONS = Options(
    rank=0, gates_per="head", gate_init="documented", style="documented", eviction_mode="v-only"
)


def build(step: str | Step, seed: int = 1, shape: Any = SHAPE, **options: Any) -> GPT:
    """The model of a step, in float64 and evaluation mode."""
    record = STEPS[step] if isinstance(step, str) else step
    return step_model(shape, record, replace(OPTIONS, **options), seed).double().eval()


@torch.no_grad()
def shake_gates(model: GPT, seed: int = 5) -> GPT:
    """Move every gate, vector and scalar of the reciprocal parts to somewhere else."""
    assert isinstance(model, ReciprocalGPT)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith((".theta", ".phi", ".gamma")):
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(0.7 * noise)
    return model


def text(batch: int = 2, length: int = 32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(65, (batch, length), generator=generator)
