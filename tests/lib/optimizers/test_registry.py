import pytest
import torch
from torch import nn

from lib.optimizers import (
    OPTIMIZERS,
    OptimizerEntry,
    build_optimizer,
    optimizer_state_bytes,
    set_learning_rate,
)
from tests.lib.optimizers.harness import ALL_SETTINGS as SETTINGS


def parameters():
    return [("blocks.0.a", nn.Parameter(torch.ones(5, 3))), ("b", nn.Parameter(torch.ones(3)))]


@pytest.mark.parametrize(
    "name", ["adam", "adamw", "adamwadv", "adamwspam", "stable-spam", "adamwprune"]
)
def test_settings_reach_the_optimizer(name):
    decay, rest = build_optimizer(name, iter(parameters()), SETTINGS).param_groups
    assert (decay["lr"], decay["betas"], decay["eps"]) == (1e-2, (0.9, 0.95), 1e-8)
    assert (decay["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_declared_setting_is_needed(name):
    for symbol in OPTIMIZERS[name].settings:
        with pytest.raises(KeyError, match=symbol):
            build_optimizer(name, parameters(), {s: v for s, v in SETTINGS.items() if s != symbol})


def test_unknown_names_get_a_near_one_or_the_list():
    with pytest.raises(ValueError, match="no optimizer 'adamprune'; did you mean adamwprune"):
        build_optimizer("adamprune", parameters(), SETTINGS)
    with pytest.raises(ValueError, match="choose one of .*adamw, adamwadv"):
        build_optimizer("zzz", parameters(), SETTINGS)


def test_an_optimizer_that_forgets_a_parameter_is_caught(monkeypatch):
    def forgetful(named_parameters, **keywords):
        return torch.optim.SGD([{"name": "decay", "params": [named_parameters[0][1]]}])

    entry = OptimizerEntry("", forgetful, {}, "-", "-", "-", "-")
    monkeypatch.setitem(OPTIMIZERS, "forgetful", entry)
    with pytest.raises(AssertionError, match="in no group: b"):
        build_optimizer("forgetful", parameters(), SETTINGS)


def test_learning_rate_reaches_every_group():
    optimizer = build_optimizer("adamw", parameters(), SETTINGS)
    set_learning_rate(optimizer, 0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]
    optimizer.param_groups[1]["learning_rate_factor"] = 40.0
    set_learning_rate(optimizer, 0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 5.0]
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="learning rate of this step.*set LEARNING_RATE"):
            set_learning_rate(optimizer, bad)


def test_state_bytes_are_counted_from_the_tensors():
    named = parameters()
    optimizer = build_optimizer("adamw", named, SETTINGS)
    assert optimizer_state_bytes(optimizer) == 0
    for _, p in named:
        p.grad = torch.ones_like(p)
    optimizer.step()
    # Two fp32 moments for 18 elements, and one fp32 step counter for each of two tensors.
    assert optimizer_state_bytes(optimizer) == 2 * 4 * 18 + 2 * 4


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_entry_says_what_the_tables_print(name):
    entry = OPTIMIZERS[name]
    for text in (entry.summary, entry.formula, entry.source, entry.equals, entry.weakness):
        assert text.isascii()
        assert text.strip() == text != ""
