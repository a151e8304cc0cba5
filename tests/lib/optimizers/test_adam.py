import pytest
import torch
from torch import nn

from lib.optimizers.adam import adam
from lib.optimizers.adamw import adamw
from tests.lib.optimizers.harness import (
    are_equal,
    assert_step_by_step,
    in_groups,
    parameters,
    weights,
)

MOMENTS = {"learning_rate": 1e-2, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
SETTINGS = MOMENTS | {"adam_weight_decay": 0.1}


def build(named):
    return adam(named, **SETTINGS)


def judge(named, **keywords):
    return torch.optim.Adam(in_groups(named, 0.1), lr=1e-2, betas=(0.9, 0.95), **keywords)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_torch_step_by_step(dtype):
    assert_step_by_step(build, lambda named: judge(named, fused=True), dtype)


@pytest.mark.parametrize("keywords", [{"foreach": True}, {"foreach": False, "fused": False}])
def test_equals_the_other_forms_of_torch_in_double_precision(keywords):
    assert_step_by_step(
        build, lambda named: judge(named, **keywords), torch.float64, tolerance=1e-12
    )


def test_without_decay_it_is_adamw_without_decay():
    plain = weights(lambda named: adam(named, **MOMENTS, adam_weight_decay=0.0))
    assert are_equal(plain, weights(lambda named: adamw(named, **MOMENTS, weight_decay=0.0)))


def test_decay_is_coupled_and_on_matrices_only():
    named = [("matrix", nn.Parameter(torch.ones(2, 2))), ("bias", nn.Parameter(torch.ones(2)))]
    optimizer = build(named)
    for _, p in named:
        p.grad = torch.zeros_like(p)
    optimizer.step()
    # Only decay pulls, so the first step is the full learning rate, whatever the decay.
    assert named[0][1].flatten().tolist() == pytest.approx([0.99] * 4)
    assert named[1][1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 2e-2),
        ("beta1", 0.5),
        ("beta2", 0.5),
        ("epsilon", 1e-2),
        ("adam_weight_decay", 0.5),
    ],
)
def test_every_setting_acts(keyword, value):
    changed = weights(lambda named: adam(named, **SETTINGS | {keyword: value}))
    assert not are_equal(weights(build), changed)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", -1e-3),
        ("learning_rate", float("inf")),
        ("beta1", 1.0),
        ("beta2", float("nan")),
        ("epsilon", -1e-8),
        ("adam_weight_decay", -0.1),
        ("adam_weight_decay", float("nan")),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}={value} is .*; set {keyword.upper()} "):
        adam(parameters(), **SETTINGS | {keyword: value})
