"""What reciprocal attention and the reciprocal MLP are equal to; the page of the documents that
says so rests on these (docs/reciprocal_attention.md). Numbered as there."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from gpt2.components.attention import causal_mask
from gpt2.model import GPT
from gpt2.ra import STEPS, folded, row_rates, step_model
from gpt2.reciprocal.attention import row_scale
from gpt2.reciprocal.row_rates import RowRates
from gpt2.reciprocal.steps import CONTROL, widths
from tests.gpt2.reciprocal.models import OPTIONS, SHAPE, build, shake_gates, text

EXACT = 1e-11

# Steps that are their twin as long as they are awake and nothing else is in them.
FOLDABLE = ("V1", "V3", "V4", "V5", "V6", "V7", "V9", "V11", "V12", "V13", "V16", "V3t")


def plain(step: str, model: GPT) -> GPT:
    """The twin of a step with the weights of `model`, folded."""
    twin = step_model(SHAPE, STEPS[CONTROL[step]], OPTIONS, None).double().eval()
    twin.load_state_dict(folded(model))
    return twin


@pytest.mark.parametrize("step", FOLDABLE)
def test_e1_e3_whatever_the_gates_it_is_a_standard_transformer(step):
    model = shake_gates(build(step))
    twin = plain(step, model)
    assert not any("gate" in name or "theta" in name for name in twin.state_dict())
    torch.testing.assert_close(twin(text()), model(text()), atol=EXACT, rtol=0)
    torch.testing.assert_close(twin.float()(text()), model.float()(text()), atol=1e-5, rtol=0)


def test_a_fold_that_forgets_the_gates_is_another_function():
    model = shake_gates(build("V3"))
    for name in ("attention", "feed_forward"):
        broken = folded(model)
        key = f"blocks.0.{name}." + ("qkv.weight" if name == "attention" else "down.weight")
        broken[key] = model.state_dict()[key]
        twin = plain("V3", model)
        twin.load_state_dict(broken)
        assert (twin(text()) - model(text())).abs().max() > 1e-3


@pytest.mark.parametrize("step", [*FOLDABLE, "V5t"])
@pytest.mark.parametrize("style", ["documented", "house"])
def test_a_step_and_its_control_begin_as_one_function(step, style):
    rows = text(length=33)
    model, twin = build(step, style=style), build(CONTROL[step], style=style)
    torch.testing.assert_close(twin.loss(rows), model.loss(rows), atol=1e-7, rtol=0)


def losses(model: GPT, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    found = []
    for seed in range(steps):
        rows = text(length=33, seed=seed % 7)
        # `GPT.loss` is in float32, which would hide what is looked for.
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss.item())
    return found


def adamw(model: GPT) -> torch.optim.Optimizer:
    """Steps that know no scale of a gradient: next to no epsilon."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.requires_grad and p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, eps=1e-30)


def test_e2_v1_with_frozen_gates_is_its_twin_with_slower_rows():
    """What a difference between V1 and V0c can come from: a learning rate of some rows."""
    model, slow, fast = build("V1"), build("V0lr"), build("V0c")
    for module in model.modules():
        if hasattr(module, "theta"):
            module.theta.requires_grad_(False)
    # The twins' weights are folded in float32; here all begin from the very same numbers.
    for twin in (slow, fast):
        twin.load_state_dict(folded(model))
    optimizer = adamw(slow)
    rates = row_scale(model.blocks[0].attention).flatten().repeat(2)
    RowRates(slow, optimizer, rates, is_decoupled=True)
    of_options = row_rates(SHAPE, OPTIONS, widths(STEPS["V1"], SHAPE, 0).rank)
    torch.testing.assert_close(of_options.double(), rates, atol=1e-6, rtol=0)
    steps = 200
    wanted = losses(model, adamw(model), steps)
    slow_rows, fast_rows = losses(slow, optimizer, steps), losses(fast, adamw(fast), steps)
    assert max(abs(a - b) for a, b in zip(slow_rows, wanted, strict=True)) < 1e-12
    assert max(abs(a - b) for a, b in zip(fast_rows, wanted, strict=True)) > 1e-2


def test_e4_low_channels_tied_to_up_std_are_a_narrower_mlp():
    tied = replace(STEPS["V3"], tie="up-std")
    layer = shake_gates(build(tied)).blocks[0].feed_forward
    x = torch.randn(2, 5, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    w_std, w_rec = layer.pair()
    down_std, down_low = layer.down.weight.split((256 - layer.low, layer.low), dim=1)
    down = w_std * down_std
    down[:, : layer.low] += w_rec * down_low
    narrow = F.linear(layer.activation(layer.up_std(x)), down)
    torch.testing.assert_close(layer(x), narrow, atol=EXACT, rtol=0)


@pytest.mark.parametrize("step", ["V1", "RT"])
def test_e5_the_folded_layout_is_the_formula(step):
    layer = shake_gates(build(step)).blocks[0].attention
    x = torch.randn(2, 9, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    w_std, w_rec = (gate[:, None, None] for gate in layer.pair())
    size, rank = layer.head_size, layer.rank
    emitted = layer.qkv(x)
    if step == "V1":
        q, k, v = (part.view(2, 9, 4, size).transpose(1, 2) for part in emitted.split(64, dim=2))
        q_std, k_low = q.split((size - rank, rank), dim=-1)
        k_std, q_low = k.split((size - rank, rank), dim=-1)
    else:
        standard = size - rank
        q, k, v = emitted.split((4 * standard, 4 * standard, 64), dim=2)
        q_std, k_std = (part.view(2, 9, 4, standard).transpose(1, 2) for part in (q, k))
        v = v.view(2, 9, 4, size).transpose(1, 2)
        q_low, k_low = q_std[..., -rank:], k_std[..., -rank:]
    logits = (w_std * (q_std @ k_std.mT) + w_rec * (k_low @ q_low.mT)) / size**0.5
    weights = logits.masked_fill(~causal_mask(9, 9, x.device), -torch.inf).softmax(dim=-1)
    y = layer.projection((weights @ v).transpose(1, 2).reshape(2, 9, 64))
    torch.testing.assert_close(layer(x), y, atol=EXACT, rtol=0)


def test_tied_logits_are_symmetric_where_all_channels_serve_both_sides():
    layer = build("RT", rank=8, gate_init="geometric").blocks[0].attention
    assert layer.standard == layer.rank == 8
    q, k, _ = layer.heads(torch.randn(1, 6, 64, dtype=torch.float64), None)
    logits = q @ k.mT
    torch.testing.assert_close(logits, logits.mT, atol=1e-7, rtol=1e-5)


def test_e6_without_its_reciprocal_gate_it_attends_by_the_standard_channels():
    layer = build("V1").blocks[0].attention
    layer.pair.awake.zero_()
    layer.pair.std.theta.data.fill_(torch.tensor(1.0 - 1e-3).expm1().log())
    x = torch.randn(2, 9, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    q, k, v = (part.view(2, 9, 4, 16).transpose(1, 2) for part in layer.qkv(x).split(64, dim=2))
    q, k = q[..., : 16 - layer.rank], k[..., : 16 - layer.rank]
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=16**-0.5)
    y = layer.projection(y.transpose(1, 2).reshape(2, 9, 64))
    torch.testing.assert_close(layer(x), y, atol=1e-6, rtol=0)


def test_true_reciprocity_is_no_reparameterisation():
    """RT begins as another function than V1, and is a restriction: fewer weights."""
    tied, free = build("RT"), build("V1")
    assert (tied(text()) - free(text())).abs().max() > 1e-2
    assert sum(p.numel() for p in tied.parameters()) < sum(p.numel() for p in free.parameters())
