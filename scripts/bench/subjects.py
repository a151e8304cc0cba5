"""What is measured: real models with gradients, and the settings of the arms that train them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gpt2.model import GPT
from gpt2.shape import shape_of
from lib.arms import settings_of
from lib.cli import ROOT
from lib.kconfig import Tree, override_layer, read_layer
from lib.optimizers import OPTIMIZERS
from scripts.bench.timing import PhaseClock, block

GRADIENT_STD = 1e-4  # a global norm near 1 at 124M, as in training
LABEL = "make bench-optim"

# An optimizer that is several: what else has to be chosen. All others need nothing.
PRESETS: Mapping[str, tuple[dict[str, str], ...]] = {
    "adamwspam": ({"SPAM_PRESET": "seed"}, {"SPAM_PRESET": "paper"}),
}


@dataclass(frozen=True)
class Subject:
    """A model that the project ships."""

    name: str
    defconfig: str
    vocab_size: int
    """Of the tokenizer of its dataset, which need not be prepared."""


GPT2_124M = Subject("GPT-2 124M", "gpt2-vanilla-baseline", 50257)
CHARACTERS = Subject("characters, 0.8M", "gpt2-shakespeare-char-cpu", 65)
TINY = Subject("smoke", "smoke", 256)


def arm_settings(tree: Tree, subject: Subject, **choices: str) -> dict[str, Any]:
    """The typed settings of one arm of the subject's defconfig; dense AdamW unless chosen."""
    dense = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none", "DEVICE": "auto"}
    layer = read_layer(ROOT / "defconfigs" / subject.defconfig, subject.defconfig)
    choice = override_layer(list((dense | choices).items()), LABEL)
    return settings_of(tree.resolve([layer, choice]))


def arms() -> Iterator[tuple[str, dict[str, str]]]:
    """Every optimizer of the registry, each of its presets once: label, what to choose."""
    for name in OPTIMIZERS:
        for preset in PRESETS.get(name, ({},)):
            yield "-".join((name, *preset.values())), {"OPTIMIZER": name} | preset


def build_model(subject: Subject, settings: Mapping[str, Any], device: torch.device) -> GPT:
    """The model with gradients as large as in training, the same ones every time."""
    model = GPT(shape_of(settings, subject.vocab_size), seed=1).to(device)
    generator = torch.Generator(device).manual_seed(2)
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)
        parameter.grad.normal_(0.0, GRADIENT_STD, generator=generator)
    return model


@torch.no_grad()
def refresh(
    parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, values: list[Tensor]
) -> None:
    """Dense weights, gradients and moments again: pruning and its gate left zeros in all.

    values: without a zero, in the shapes of the parameters.
    """
    for parameter, value in zip(parameters, values, strict=True):
        assert parameter.grad is not None
        state: dict[str, Tensor] = optimizer.state[parameter]
        for target in (parameter, parameter.grad, state["exp_avg"]):
            target.copy_(value)
        torch.square(value, out=state["exp_avg_sq"])


@dataclass(frozen=True)
class TrainingStep:
    """Forward and backward passes over the tokens of one optimizer step, without the optimizer."""

    milliseconds: float
    tokens: int
    description: str


def training_step(
    model: GPT, device: torch.device, *, tokens: int, micro_batch: int, repetitions: int
) -> TrainingStep:
    """Time one micro-batch and scale it to `tokens`, in the faster arithmetic of the device.

    micro_batch: sequences of at most 1024 tokens on a GPU; on a processor a single sequence of
    512, since the whole step would take minutes. A step is a whole number of micro-batches, so
    the scaling leaves out nothing but the host's work between them.
    """
    length = min(model.shape.block_size, 1024 if device.type == "cuda" else 512)
    rows_BT1 = torch.randint(model.shape.vocab_size, (micro_batch, length + 1), device=device)
    is_bfloat16 = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()

    def run(clock: PhaseClock) -> None:
        clock.start()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_bfloat16):
            loss = model.loss(rows_BT1)
        loss.backward()
        clock.mark()

    block(run, device, 1)  # warm-up
    (milliseconds,) = block(run, device, repetitions)
    scale = tokens / rows_BT1[:, 1:].numel()
    arithmetic = "bfloat16" if is_bfloat16 else "float32"
    description = (
        f"{scale:g} x one micro-batch of {micro_batch} x {length} tokens, {arithmetic}, "
        f"{milliseconds:,.0f} ms each"
    )
    return TrainingStep(milliseconds * scale, tokens, description)
