"""Sizes by arithmetic are those of the real thing."""

import pytest
import torch

from gpt2.architectures import model_of
from gpt2.sizes import (
    FLOAT32_BYTES,
    block_matrices,
    disk_need,
    optimizer_numbers,
    parameter_count,
)
from lib.optimizers import OPTIMIZERS, build_optimizer, optimizer_state_bytes

VOCABULARY = 77


@pytest.fixture
def build():
    """build(settings, device) -> a model of VOCABULARY tokens."""

    def make(settings, device="meta"):
        with torch.device(device):
            return model_of(settings | {"VOCAB_MULTIPLE": 1}, VOCABULARY, None)

    return make


ARCHITECTURES = {
    "gpt2": {},
    "llama": {"ARCH_PRESET": "llama"},
    "hybrid": {"ARCH_PRESET": "hybrid"},
    "post": {"ARCH_PRESET": "custom", "NORM_POSITION": "post", "POSITION_ENCODING": "none"},
    "grouped": {"ARCH_PRESET": "custom", "N_KV_HEAD": 1, "QK_NORM": "y", "FFN_TYPE": "swiglu"},
    "bare": {"ARCH_PRESET": "custom", "BIAS": "n", "WEIGHT_TYING": "n", "FFN_HIDDEN": 24},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_counted_as_the_model_has_them(one_run, build, name, layers):
    settings = one_run(N_LAYER=layers, **ARCHITECTURES[name])
    model = build(settings)
    assert parameter_count(settings, VOCABULARY) == sum(p.numel() for p in model.parameters())
    matrices = [p.numel() for p in model.blocks.parameters() if p.dim() >= 2]
    assert block_matrices(settings, model.shape) == sum(matrices)


CASES = {name: {} for name in OPTIMIZERS} | {
    "adamwspam": {"SPAM_PRESET": "seed"},
    "adamwspam paper": {"SPAM_PRESET": "paper"},
    "adamwprune": {"ADAMWPRUNE_BASE": "adamwspam", "SPAM_PRESET": "seed"},
    "adamwprune on adamwadv": {"ADAMWPRUNE_BASE": "adamwadv"},
    "sgd without momentum": {"SGD_MOMENTUM": "0"},
}


@pytest.mark.parametrize("case", CASES)
def test_an_optimizer_keeps_as_many_numbers(one_run, build, case):
    settings = one_run(OPTIMIZER=case.split()[0], PRUNING_METHOD="none", **CASES[case])
    model = build(settings, "cpu")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
        parameter.grad = torch.randn_like(parameter)
    optimizer = build_optimizer(settings["OPTIMIZER"], model.named_parameters(), settings)
    optimizer.step()
    numbers = FLOAT32_BYTES * optimizer_numbers(settings, VOCABULARY)
    tensors = len(list(model.parameters()))
    # Beside them a few counters for each tensor.
    assert numbers <= optimizer_state_bytes(optimizer) <= numbers + 32 * tensors


def test_files_of_a_run_by_hand(one_run):
    """10 steps of 128 tokens are 2 epochs of 600."""
    settings = one_run(
        CHECKPOINT_INTERVAL=2, CHECKPOINT_KEEP=3, CHECKPOINT_KEEP_EPOCHS=5, CHECKPOINT_BEST="y"
    )
    one = disk_need(settings | {"CHECKPOINT_INTERVAL": 0}, VOCABULARY, 10, 10_000).running // 4
    # The newest two and one that is being written, three rolling, two epochs, the best.
    assert disk_need(settings, VOCABULARY, 10, 600).running == 9 * one
    # No more epochs are kept than that, also of a text whose length is not known yet.
    assert disk_need(settings, VOCABULARY, 10, None).running == (3 + 3 + 5 + 1) * one
    # Nobody knows how many steps a time will be: at most as many files as are kept.
    assert disk_need(settings, VOCABULARY, None, 600).running == (3 + 3 + 5 + 1) * one
    assert disk_need(settings | {"SAVE_CHECKPOINT": False}, VOCABULARY, 10, 600) == (0, 0)
