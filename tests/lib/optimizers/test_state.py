import copy

import pytest
import torch
from torch import nn

from lib.optimizers import OPTIMIZERS, build_optimizer, check_gradients, load_optimizer_state
from lib.optimizers.adamw import adamw
from lib.optimizers.adamwadv import adamwadv
from lib.optimizers.sgd import sgd
from tests.lib.optimizers.harness import (
    ALL_SETTINGS,
    are_equal,
    assert_round_trip,
    parameters,
    train,
)

ADAM = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
}
SGD = {
    "learning_rate": 1e-3,
    "sgd_learning_rate_factor": 20.0,
    "sgd_momentum": 0.9,
    "sgd_weight_decay": 0.1,
}


def with_gradients():
    named = parameters()
    for _, p in named:
        p.grad = torch.zeros_like(p)
    return named


def saved(build=adamw, settings=ADAM, named=None):
    named = named or parameters()
    optimizer = build(named, **settings)
    train(optimizer, named, 3)
    return copy.deepcopy(optimizer.state_dict())


def test_gradients_of_every_trainable_parameter_are_enough():
    named = with_gradients()
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    check_gradients([*named, ("frozen", frozen), ("head", named[4][1])])


def test_a_parameter_without_a_gradient_is_named():
    named = with_gradients()
    named[2][1].grad = None
    with pytest.raises(ValueError, match="parameter gate has no gradient.*requires_grad to False"):
        check_gradients(named)


def test_a_sparse_gradient_is_named():
    named = with_gradients()
    named[4][1].grad = torch.zeros(4, 6).to_sparse()
    with pytest.raises(ValueError, match="gradient of embedding is .*sparse_coo.*sparse=False"):
        check_gradients(named)


def test_a_complex_gradient_is_named():
    weight = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    weight.grad = torch.ones(2, dtype=torch.complex64)
    with pytest.raises(ValueError, match="gradient of odd is torch.complex64.*real numbers"):
        check_gradients([("odd", weight)])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_saved_in_the_middle_it_continues_bit_equal(name):
    assert_round_trip(lambda named: build_optimizer(name, named, ALL_SETTINGS))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_was_saved_is_continued_bit_equal(name):
    straight, resumed = parameters(), parameters()
    optimizer = build_optimizer(name, straight, ALL_SETTINGS)
    again = build_optimizer(name, resumed, ALL_SETTINGS)
    train(optimizer, straight, 3)
    for (_, a), (_, b) in zip(straight, resumed, strict=True):
        b.data.copy_(a.detach())
    load_optimizer_state(again, copy.deepcopy(optimizer.state_dict()))
    train(optimizer, straight, 3, seed=7)
    train(again, resumed, 3, seed=7)
    assert are_equal([p for _, p in straight], [p for _, p in resumed])


def test_a_state_from_before_the_first_step_is_loaded():
    named = parameters()
    load_optimizer_state(adamw(named, **ADAM), adamw(parameters(), **ADAM).state_dict())


def fewer(state):
    state["param_groups"][0]["params"].pop()


def groups_fewer(state):
    state["param_groups"].pop()


def another_shape(state):
    state["state"][0]["exp_avg"] = torch.zeros(2, 2)


def not_finite(state):
    state["state"][2]["exp_avg_sq"][0] = float("nan")


def endless_step(state):
    state["state"][1]["step"] = torch.tensor(float("inf"))


def unknown_entry(state):
    state["state"][0]["third"] = torch.zeros(5, 7)


def entry_missing(state):
    del state["state"][0]["exp_avg_sq"]


def unknown_key(state):
    state["spam"] = {}


def unknown_option(state):
    state["param_groups"][0]["momentum"] = 0.9


def other_betas(state):
    state["param_groups"][0]["betas"] = (0.5, 0.5)


def one_parameter_more(state):
    state["state"][99] = dict(state["state"][0])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (fewer, "its group decay has 4 parameters, this model's has 5"),
        (groups_fewer, "it has 1 parameter groups, this model has 2"),
        (another_shape, r"exp_avg of parameter 0 is \(2, 2\), the parameter \(5, 7\)"),
        (not_finite, "exp_avg_sq of parameter 2 is not finite"),
        (endless_step, "step of parameter 1 is not finite"),
        (unknown_entry, "parameter 0 has exp_avg, exp_avg_sq, step, third where"),
        (entry_missing, "parameter 0 has exp_avg, step where exp_avg, exp_avg_sq, step belong"),
        (unknown_key, "it holds param_groups, spam, state where param_groups, state belong"),
        (unknown_option, "its group decay has the options .*momentum"),
        (other_betas, r"saved with betas=\(0.5, 0.5\) in group decay, this run has \(0.9, 0.95\)"),
        (one_parameter_more, "it has state for parameter 99 of 7"),
    ],
)
def test_a_state_of_something_else_is_refused_and_nothing_is_loaded(spoil, why):
    state = saved()
    spoil(state)
    named = parameters()
    optimizer = adamw(named, **ADAM)
    train(optimizer, named, 1, seed=5)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=f"{why}.*; continue with the configuration"):
        load_optimizer_state(optimizer, state)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for key, values in before["state"].items():
        assert all(torch.equal(after["state"][key][name], values[name]) for name in values)


@pytest.mark.parametrize(("build", "settings"), [(sgd, SGD), (adamwadv, ADAM)])
def test_the_state_of_another_optimizer_is_refused(build, settings):
    with pytest.raises(ValueError, match="does not belong to this optimizer"):
        load_optimizer_state(adamw(parameters(), **ADAM), saved(build, settings))


def test_what_the_optimizer_itself_refuses_leaves_it_as_it_was():
    class Picky(torch.optim.SGD):
        def load_state_dict(self, state_dict):
            super().load_state_dict(state_dict)
            if state_dict["param_groups"][0]["lr"] == 0.5:
                raise ValueError("half")

    weight = nn.Parameter(torch.ones(2))
    optimizer = Picky([{"name": "all", "params": [weight]}], lr=0.1)
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 0.5
    with pytest.raises(ValueError, match=r"it cannot be loaded \(half\)"):
        load_optimizer_state(optimizer, state)
    assert optimizer.param_groups[0]["lr"] == 0.1
