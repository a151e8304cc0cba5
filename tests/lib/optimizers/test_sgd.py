import pytest
import torch

from lib.optimizers import set_learning_rate
from lib.optimizers.sgd import sgd
from tests.lib.optimizers.harness import (
    are_equal,
    assert_step_by_step,
    in_groups,
    parameters,
    train,
    weights,
)

SETTINGS = {
    "learning_rate": 1e-3,
    "sgd_learning_rate_factor": 20.0,
    "sgd_momentum": 0.9,
    "sgd_weight_decay": 0.1,
}


def build(named):
    return sgd(named, **SETTINGS)


def judge(named, **keywords):
    return torch.optim.SGD(in_groups(named, 0.1), lr=2e-2, momentum=0.9, **keywords)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_torch_step_by_step(dtype):
    assert_step_by_step(build, lambda named: judge(named, fused=True), dtype)


@pytest.mark.parametrize("keywords", [{"foreach": True}, {"foreach": False, "fused": False}])
def test_equals_the_other_forms_of_torch_in_double_precision(keywords):
    assert_step_by_step(
        build, lambda named: judge(named, **keywords), torch.float64, tolerance=1e-12
    )


def test_the_schedule_s_value_is_multiplied_by_the_factor():
    optimizer = build(parameters())
    assert [group["lr"] for group in optimizer.param_groups] == [2e-2, 2e-2]
    set_learning_rate(optimizer, 5e-4)
    assert [group["lr"] for group in optimizer.param_groups] == [1e-2, 1e-2]


def test_one_buffer_and_none_without_momentum():
    def state_bytes(momentum):
        named = parameters()
        optimizer = sgd(named, **SETTINGS | {"sgd_momentum": momentum})
        train(optimizer, named, 2)
        buffers = [s["momentum_buffer"] for s in optimizer.state.values() if "momentum_buffer" in s]
        return sum(b.numel() for b in buffers if b is not None), sum(p.numel() for _, p in named)

    held, count = state_bytes(0.9)
    assert held == count
    assert state_bytes(0.0)[0] == 0


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 2e-3),
        ("sgd_learning_rate_factor", 30.0),
        ("sgd_momentum", 0.5),
        ("sgd_weight_decay", 0.5),
    ],
)
def test_every_setting_acts(keyword, value):
    changed = weights(lambda named: sgd(named, **SETTINGS | {keyword: value}))
    assert not are_equal(weights(build), changed)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("sgd_learning_rate_factor", 0.0),
        ("sgd_learning_rate_factor", float("inf")),
        ("sgd_momentum", 1.0),
        ("sgd_momentum", -0.1),
        ("sgd_weight_decay", -0.1),
        ("sgd_weight_decay", float("inf")),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}={value} is .*; set {keyword.upper()} "):
        sgd(parameters(), **SETTINGS | {keyword: value})
