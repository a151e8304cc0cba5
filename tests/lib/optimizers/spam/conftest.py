"""build(...): an AdamWSPAM with everything off that is not asked for; and a one-weight run."""

import pytest
import torch
from torch import nn

from lib.optimizers.spam import adamwspam

OFF = {
    "learning_rate": 0.1,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "enable_clip": False,
    "theta": 50.0,
    "corrected_reference": True,
    "grace": 20,
    "periodic_reset": False,
    "interval": 1000,
    "bias_reset": True,
    "warmup": False,
    "warmup_steps": 100,
    "warmup_floor": 0.001,
    "detect_spikes": False,
    "spike_threshold": 2.0,
    "log_norms": False,
    "amsgrad": False,
    "density": 1.0,
    "seed": 1,
}
SEED = OFF | {
    "enable_clip": True,
    "periodic_reset": True,
    "warmup": True,
    "detect_spikes": True,
    "amsgrad": True,
}
PAPER = OFF | {
    "epsilon": 1e-6,
    "enable_clip": True,
    "theta": 5000.0,
    "corrected_reference": False,
    "periodic_reset": True,
    "interval": 500,
    "bias_reset": False,
    "warmup": True,
    "warmup_steps": 150,
    "warmup_floor": 0.01,
}
PRESETS = {"off": OFF, "seed": SEED, "paper": PAPER}


@pytest.fixture
def build():
    """build(named, preset="off", keyword=value, ...)."""

    def make(named, preset="off", **changes):
        assert set(changes) <= set(OFF)
        return adamwspam(named, **(PRESETS[preset] | changes))

    return make


@pytest.fixture
def scalar_run(build):
    """scalar_run(gradients, ...): one fp64 weight from 0; returns (its values, the optimizer)."""

    def run(gradients, preset="off", start=0.0, **changes):
        weight = nn.Parameter(torch.full((1,), start, dtype=torch.float64))
        optimizer = build([("w", weight)], preset, **changes)
        values = []
        for gradient in gradients:
            weight.grad = torch.full_like(weight, gradient)
            optimizer.step()
            values.append(weight.item())
        return values, optimizer

    return run


@pytest.fixture
def model():
    """model(dtype): named parameters of many shapes, two of them block matrices."""

    def make(dtype=torch.float32):
        generator = torch.Generator().manual_seed(1)
        shapes = {
            "token_embedding.weight": (11, 6),
            "blocks.0.up.weight": (5, 7),
            "blocks.0.up.bias": (7,),
            "blocks.0.down.weight": (7, 5),
            "gate": (),
            "empty": (0, 3),
        }
        return [
            (name, nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
            for name, shape in shapes.items()
        ]

    return make


@pytest.fixture
def train():
    """train(optimizer, named, first, last, spikes): steps first..last-1, gradients by step."""

    def run(optimizer, named, first, last, spikes=(), factor=1e3):
        for step in range(first, last):
            set_gradients(named, step, factor if step in spikes else 1.0)
            optimizer.step()

    return run


def set_gradients(named, step, factor=1.0):
    generator = torch.Generator().manual_seed(1000 + step)
    for _, parameter in named:
        gradient = factor * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.grad = gradient.to(parameter.dtype)
