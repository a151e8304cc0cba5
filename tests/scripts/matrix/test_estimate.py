"""The bound on memory holds for what the optimizers really keep."""

import pytest
import torch
from torch import nn

from lib.optimizers import build_optimizer, optimizer_state_bytes
from scripts.matrix.estimate import state_copies

CASES = {
    "sgd": {},
    "adam": {},
    "adamw": {},
    "adamwadv": {},
    "adamwspam": {"SPAM_PRESET": "seed"},
    "adamwspam paper": {"SPAM_PRESET": "paper"},
    "stable-spam": {},
    "muon": {},
    "adamwprune": {"ADAMWPRUNE_BASE": "adamwspam", "SPAM_PRESET": "seed"},
}


@pytest.mark.parametrize("case", CASES)
def test_as_many_copies_as_the_state_holds(one_run, case):
    settings = one_run(OPTIMIZER=case.split()[0], PRUNING_METHOD="none", **CASES[case])
    named = [("blocks.0.up.weight", nn.Parameter(torch.randn(64, 64)))]
    optimizer = build_optimizer(settings["OPTIMIZER"], named, settings)
    named[0][1].grad = torch.randn(64, 64)
    optimizer.step()
    bound = state_copies(settings) * 64 * 64 * 4
    # Beside the copies there are a few counters.
    assert bound <= optimizer_state_bytes(optimizer) <= bound + 64


def test_sgd_without_momentum_keeps_nothing(one_run):
    settings = one_run(OPTIMIZER="sgd", PRUNING_METHOD="none", SGD_MOMENTUM="0")
    assert state_copies(settings) == 0
