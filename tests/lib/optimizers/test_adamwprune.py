import pytest
import torch
from torch import nn

from lib.optimizers import OPTIMIZERS, build_optimizer
from tests.lib.optimizers.harness import ALL_SETTINGS as SETTINGS


def trajectory(name, settings):
    torch.manual_seed(0)
    named = [("a", nn.Parameter(torch.randn(5, 3))), ("b", nn.Parameter(torch.randn(3)))]
    optimizer = build_optimizer(name, named, settings)
    for _ in range(20):
        for _, p in named:
            p.grad = torch.randn_like(p)
        optimizer.step()
    return [p.detach() for _, p in named], optimizer.state_dict()


@pytest.mark.parametrize("base", ["adam", "adamw", "adamwadv", "adamwspam"])
def test_is_its_base_bit_for_bit_and_owns_nothing(base):
    weights, base_state = trajectory(base, SETTINGS)
    ours, our_state = trajectory("adamwprune", SETTINGS | {"ADAMWPRUNE_BASE": base})
    assert all(torch.equal(a, b) for a, b in zip(weights, ours, strict=True))
    assert our_state["param_groups"] == base_state["param_groups"]
    for key, state in base_state["state"].items():
        assert set(our_state["state"][key]) == set(state)
        for name, value in state.items():
            torch.testing.assert_close(our_state["state"][key][name], value, rtol=0, atol=0)


def test_it_needs_the_settings_of_its_base():
    settings = SETTINGS | {"ADAMWPRUNE_BASE": "adamw"}
    for symbol in OPTIMIZERS["adamw"].settings:
        with pytest.raises(KeyError, match=symbol):
            trajectory("adamwprune", {s: v for s, v in settings.items() if s != symbol})


def test_an_unknown_base_is_refused():
    with pytest.raises(ValueError, match="no optimizer 'adamx'; did you mean"):
        trajectory("adamwprune", SETTINGS | {"ADAMWPRUNE_BASE": "adamx"})
