"""build(...): an AdamWSPAM with everything off that is not asked for; and a one-weight run."""

import pytest
import torch
from torch import nn

from lib.optimizers.spam import adamwspam
from tests.lib.optimizers.spam.knobs import OFF, PRESETS, set_gradients


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
