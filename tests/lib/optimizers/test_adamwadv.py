import pytest
import torch

from lib.optimizers.adamw import adamw
from lib.optimizers.adamwadv import adamwadv
from tests.lib.optimizers.harness import (
    are_equal,
    assert_step_by_step,
    in_groups,
    parameters,
    weights,
)

SETTINGS = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
}


def build(named):
    return adamwadv(named, **SETTINGS)


def judge(named, **keywords):
    return torch.optim.AdamW(
        in_groups(named, 0.1), lr=1e-2, betas=(0.9, 0.95), amsgrad=True, **keywords
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_torch_step_by_step(dtype):
    assert_step_by_step(build, lambda named: judge(named, fused=True), dtype)


@pytest.mark.parametrize("keywords", [{"foreach": True}, {"foreach": False, "fused": False}])
def test_equals_the_other_forms_of_torch_in_double_precision(keywords):
    assert_step_by_step(
        build, lambda named: judge(named, **keywords), torch.float64, tolerance=1e-12
    )


def test_the_largest_second_moment_is_remembered():
    def step_sizes(factory):
        (named,) = ([("blocks.0.w", torch.nn.Parameter(torch.zeros(1, 1)))],)
        optimizer = factory(named, **SETTINGS | {"weight_decay": 0.0})
        for gradient in [1.0] * 10 + [100.0] + [1.0] * 200:
            before = named[0][1].item()
            named[0][1].grad = torch.full((1, 1), gradient)
            optimizer.step()
        return abs(named[0][1].item() - before)

    # AdamW has forgotten the spike after 200 steps at beta2 = 0.95; vmax never forgets it.
    assert step_sizes(adamw) == pytest.approx(1e-2, rel=0.05)
    assert step_sizes(adamwadv) < 1e-3


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 2e-2),
        ("beta1", 0.5),
        ("beta2", 0.5),
        ("epsilon", 1e-2),
        ("weight_decay", 0.5),
    ],
)
def test_every_setting_acts(keyword, value):
    changed = weights(lambda named: adamwadv(named, **SETTINGS | {keyword: value}))
    assert not are_equal(weights(build), changed)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", float("nan")),
        ("beta1", -0.1),
        ("beta2", 1.0),
        ("epsilon", float("inf")),
        ("weight_decay", -0.1),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}={value} is .*; set {keyword.upper()} "):
        adamwadv(parameters(), **SETTINGS | {keyword: value})
