import math
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib.optimizers import describe_groups, load_optimizer_state
from lib.optimizers.adamw import adamw
from lib.optimizers.muon import UPDATE_RMS, Muon, muon, orthogonalised
from tests.lib.optimizers.harness import (
    are_equal,
    in_groups,
    parameters,
    train,
    weights,
)

# `lib.optimizers.muon` as an attribute is the factory of that name.
module = sys.modules[Muon.__module__]

ADAM = {
    "learning_rate": 1e-2,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
}
SETTINGS = ADAM | {"muon_momentum": 0.95, "muon_nesterov": True, "muon_iterations": 5}


def build(named):
    return muon(named, **SETTINGS)


def is_hidden(name, p):
    return name.startswith("blocks.") and p.ndim == 2


def by_singular_values(matrix, iterations):
    """The quintic applied to the singular values: what the products must come to."""
    a, b, c = module.QUINTIC
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm()
    for _ in range(iterations):
        s = a * s + b * s**3 + c * s**5
    return u @ torch.diag(s) @ vt


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.floats(1e-3, 1e3))
def test_the_products_are_the_quintic_of_the_singular_values(rows, columns, iterations, scale):
    generator = torch.Generator().manual_seed(rows * 10 + columns)
    batch = torch.randn(3, rows, columns, generator=generator, dtype=torch.float64)
    ours = orthogonalised(batch * scale, iterations)
    for matrix, result in zip(batch, ours, strict=True):
        torch.testing.assert_close(
            result, by_singular_values(matrix, iterations), rtol=0, atol=1e-9
        )


def test_the_singular_values_are_near_one():
    batch = torch.randn(2, 24, 96, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(batch, 5))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_a_gradient_of_zeros_moves_nothing():
    assert orthogonalised(torch.zeros(1, 3, 4), 5).abs().sum() == 0


@pytest.mark.parametrize("nesterov", [True, False])
def test_equals_torch_muon_in_its_arithmetic(monkeypatch, nesterov):
    # torch's Muon multiplies in bfloat16 everywhere; so does ours on a GPU.
    monkeypatch.setattr(module, "product_type", lambda matrices: torch.bfloat16)
    ours, theirs = parameters(), parameters()
    optimizer = muon(ours, **SETTINGS | {"muon_nesterov": nesterov})
    judge = torch.optim.Muon(
        [p for name, p in theirs if is_hidden(name, p)],
        lr=1e-2,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=nesterov,
        adjust_lr_fn="match_rms_adamw",
    )
    for step in range(10):
        train(optimizer, ours, 1, seed=step)
        train(judge, theirs, 1, seed=step)
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        if is_hidden(name, a):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-2 * UPDATE_RMS * math.sqrt(8) * 0.1)


def test_everything_but_hidden_matrices_is_adamw_bit_for_bit():
    ours, theirs = parameters(), parameters()
    train(build(ours), ours, 10)
    train(adamw(theirs, **ADAM), theirs, 10)
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        assert torch.equal(a, b) != is_hidden(name, a), name


def test_embedding_and_tied_head_go_to_adamw_and_hidden_matrices_keep_one_buffer():
    named = parameters()
    optimizer = build(named + [("head.weight", named[4][1])])
    groups = {group.name: group for group in describe_groups(optimizer)}
    assert {name: group.tensors for name, group in groups.items()} == {
        "hidden": 3,
        "decay": 2,
        "no-decay": 2,
    }
    assert [groups[name].weight_decay for name in groups] == [0.1, 0.1, 0.0]
    train(optimizer, named, 1)
    for name, p in named:
        wanted = {"momentum_buffer"} if is_hidden(name, p) else {"step", "exp_avg", "exp_avg_sq"}
        assert set(optimizer.state[p]) == wanted, name


def test_the_update_has_the_size_of_adamw_s():
    named = [
        ("blocks.0.wide", nn.Parameter(torch.zeros(64, 256))),
        ("blocks.0.tall", nn.Parameter(torch.zeros(192, 48))),
    ]
    train(build(named), named, 1)
    for name, p in named:
        rms = p.detach().square().mean().sqrt().item()
        assert rms == pytest.approx(1e-2 * UPDATE_RMS, rel=0.25), name


def test_batches_are_only_a_matter_of_speed(monkeypatch):
    together = weights(build, dtype=torch.float64)
    monkeypatch.setattr(module, "BATCH_ELEMENTS", 1)
    for a, b in zip(together, weights(build, dtype=torch.float64), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def plain_loop(named, steps):
    """Muon written down once more, matrix by matrix, in double precision."""
    state = {name: torch.zeros_like(p) for name, p in named}
    rest = torch.optim.AdamW(
        in_groups([(n, p) for n, p in named if not is_hidden(n, p)], 0.1),
        lr=1e-2,
        betas=(0.9, 0.95),
        foreach=False,
        fused=False,
    )
    for gradients in steps:
        for (name, p), gradient in zip(named, gradients, strict=True):
            p.grad = gradient
            if is_hidden(name, p):
                state[name] = 0.95 * state[name] + 0.05 * gradient
                update = 0.05 * gradient + 0.95 * state[name]
                scale = 1e-2 * 0.2 * math.sqrt(max(p.shape))
                direction = by_singular_values(update, 5)
                p.data = p.detach() * (1 - 1e-3) - scale * direction
        rest.step()


def test_foreach_equals_the_plain_loop_in_double_precision():
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    generator = torch.Generator().manual_seed(4)
    steps = [
        [torch.randn(p.shape, generator=generator, dtype=torch.float64) for _, p in ours]
        for _ in range(8)
    ]
    optimizer = build(ours)
    for gradients in steps:
        for (_, p), gradient in zip(ours, gradients, strict=True):
            p.grad = gradient.clone()
        optimizer.step()
    plain_loop(theirs, steps)
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 2e-2),
        ("beta1", 0.5),
        ("beta2", 0.5),
        ("epsilon", 1e-2),
        ("weight_decay", 0.5),
        ("muon_momentum", 0.5),
        ("muon_nesterov", False),
        ("muon_iterations", 4),
    ],
)
def test_every_setting_acts(keyword, value):
    changed = weights(lambda named: muon(named, **SETTINGS | {keyword: value}))
    assert not are_equal(weights(build), changed)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", -1e-3),
        ("beta1", 1.0),
        ("beta2", float("nan")),
        ("epsilon", float("inf")),
        ("weight_decay", -0.1),
        ("muon_momentum", 1.0),
        ("muon_momentum", float("nan")),
        ("muon_iterations", 0),
        ("muon_iterations", 100),
    ],
)
def test_bad_settings_are_refused_with_the_remedy(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}={value} is .*; set {keyword.upper()} "):
        muon(parameters(), **SETTINGS | {keyword: value})


def test_a_model_without_hidden_matrices_is_refused():
    with pytest.raises(ValueError, match="no matrix in a block.*choose another OPTIMIZER"):
        muon([("embedding", nn.Parameter(torch.ones(2, 2)))], **SETTINGS)


def test_its_state_is_loaded_and_that_of_another_refused():
    named = parameters()
    optimizer = build(named)
    train(optimizer, named, 2)
    load_optimizer_state(build(parameters()), optimizer.state_dict())
    with pytest.raises(ValueError, match="does not belong"):
        load_optimizer_state(adamw(parameters(), **ADAM), optimizer.state_dict())


def test_parameters_without_a_gradient_stay():
    named = parameters()
    before = [p.detach().clone() for _, p in named]
    assert isinstance(optimizer := build(named), Muon)
    optimizer.step()
    assert are_equal(before, [p for _, p in named])


def test_a_closure_gives_the_loss():
    named = parameters()
    optimizer = build(named)
    assert optimizer.step(lambda: 1.5) == 1.5
