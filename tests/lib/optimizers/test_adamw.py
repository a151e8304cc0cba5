import pytest
import torch
from torch import nn

from lib.optimizers import optimizer_state_bytes
from lib.optimizers.adamw import adamw

SETTINGS = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
}


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    shapes = {"matrix": (5, 7), "bias": (7,), "gate": (), "empty": (0, 3), "wide": (4, 6)}
    return [
        (name, nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
        for name, shape in shapes.items()
    ]


def train(optimizer, named, steps, seed=2):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        optimizer.step()


def reference(named, **kwargs):
    matrices = [p for _, p in named if p.ndim >= 2]
    rest = [p for _, p in named if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-2,
        betas=(0.9, 0.95),
        eps=1e-8,
        **kwargs,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_torch_step_by_step(dtype):
    ours, theirs = parameters(dtype), parameters(dtype)
    optimizer, judge = adamw(ours, **SETTINGS), reference(theirs, fused=True)
    for step in range(20):
        train(optimizer, ours, 1, seed=step)
        train(judge, theirs, 1, seed=step)
        for (name, a), (_, b) in zip(ours, theirs, strict=True):
            assert torch.equal(a, b), name


@pytest.mark.parametrize("keywords", [{"foreach": True}, {"foreach": False, "fused": False}])
def test_equals_the_other_forms_of_torch_in_double_precision(keywords):
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    train(adamw(ours, **SETTINGS), ours, 10)
    train(reference(theirs, **keywords), theirs, 10)
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_is_fused_on_a_processor_and_falls_back_elsewhere():
    assert adamw(parameters(), **SETTINGS).param_groups[0]["fused"]
    meta = [("a", nn.Parameter(torch.ones(2, 2, device="meta")))]
    assert not adamw(meta, **SETTINGS).param_groups[0]["fused"]


def test_a_transposed_weight_is_trained_with_its_own_gradients():
    plain = nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(3)))
    transposed = nn.Parameter(plain.detach().t().contiguous().t())
    assert torch.equal(plain, transposed)
    assert not transposed.is_contiguous()
    for weight in (plain, transposed):
        # Gradients set by hand are contiguous, whatever the layout of the weight.
        train(adamw([("w", weight)], **SETTINGS), [("w", weight)], 5)
    torch.testing.assert_close(plain, transposed)


def test_decay_is_decoupled_and_on_matrices_only():
    named = [("matrix", nn.Parameter(torch.ones(2, 2))), ("bias", nn.Parameter(torch.ones(2)))]
    optimizer = adamw(named, **SETTINGS | {"learning_rate": 0.1})
    for _ in range(10):
        for _, p in named:
            p.grad = torch.zeros_like(p)
        optimizer.step()
    assert named[0][1].flatten().tolist() == pytest.approx([0.99**10] * 4)
    assert named[1][1].tolist() == [1.0, 1.0]


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
    base, changed = parameters(), parameters()
    train(adamw(base, **SETTINGS), base, 3)
    train(adamw(changed, **SETTINGS | {keyword: value}), changed, 3)
    assert not torch.equal(base[0][1], changed[0][1])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("beta1", 1.0),
        ("beta1", -0.1),
        ("beta2", 1.5),
        ("beta2", float("nan")),
        ("epsilon", -1e-8),
        ("weight_decay", -0.1),
        ("weight_decay", float("inf")),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}={value} is .*; set {keyword.upper()} "):
        adamw(parameters(), **SETTINGS | {keyword: value})


def test_two_runs_are_bitwise_equal():
    first, second = parameters(), parameters()
    train(adamw(first, **SETTINGS), first, 5)
    train(adamw(second, **SETTINGS), second, 5)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_holds_no_more_than_weights_gradients_and_two_moments():
    named = [("blocks.0.w", nn.Parameter(torch.ones(64, 64))), ("b", nn.Parameter(torch.ones(64)))]
    optimizer = adamw(named, **SETTINGS)
    train(optimizer, named, 1)
    weights = sum(p.numel() * p.element_size() for _, p in named)
    # The counters of the steps are 4 bytes a tensor.
    assert 2 * weights + optimizer_state_bytes(optimizer) <= 4.0 * weights + 4 * len(named)
