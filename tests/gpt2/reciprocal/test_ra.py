from dataclasses import replace

import pytest
import torch
from torch import nn

from gpt2.ra import step_model
from gpt2.reciprocal.eviction import PENALTY, SHARE
from gpt2.reciprocal.steps import CONTROL, STEPS
from tests.gpt2.reciprocal.models import OPTIONS, SHAPE, build, text


@pytest.mark.parametrize("style", ["documented", "house"])
@pytest.mark.parametrize("step", [name for name in CONTROL if name != "RT"])
def test_a_step_and_its_twin_have_the_same_dropout(step, style):
    shape, options = replace(SHAPE, dropout=0.3), replace(OPTIONS, style=style)

    def rates(name):
        block = step_model(shape, STEPS[name], options, None).blocks[0]
        attention = block.attention
        found = [attention.dropout, attention.residual_dropout.p, block.feed_forward.dropout.p]
        assert sum(isinstance(m, nn.Dropout) for m in block.modules()) == 2
        return found

    is_stock = STEPS[step].attention == "stock" or style == "house"
    assert rates(step) == rates(CONTROL[step]) == [0.3, 0.3 if is_stock else 0.0, 0.3]


@pytest.mark.parametrize("name", STEPS)
def test_biases_are_where_the_documents_have_them(name):
    step = STEPS[name]
    block = build(name).blocks[0]
    assert (block.attention.qkv.bias is None) == (step.attention != "stock")
    assert (block.feed_forward.down.bias is None) == (step.feed_forward != "stock")
    assert block.attention_norm.bias is not None


@pytest.mark.parametrize(
    ("name", "parameter", "std"),
    [
        ("V1", "attention.qkv.weight", 0.02552),
        ("V1", "attention.projection.weight", 0.03608),
        ("V1", "feed_forward.down.weight", 0.004082),
        ("V0", "attention.projection.weight", 0.004082),
        ("V3", "feed_forward.up_std.weight", 0.02301),
        ("V3", "feed_forward.up_low.weight", 0.04903),
        ("V3", "feed_forward.down.weight", 0.02282),
        ("V4", "feed_forward.mixer.weight", 0.125),
    ],
)
def test_initial_weights_at_124m(name, parameter, std):
    from tests.gpt2.shapes import sized

    # One block of GPT-2 124M; the residual scale is that of twelve.
    shape = sized(1, 12, 768, 8, 8)
    if std == 0.004082:
        std *= 12**0.5
    weights = dict(step_model(shape, STEPS[name], OPTIONS, 3).blocks[0].named_parameters())
    assert weights[parameter].std().item() == pytest.approx(std, rel=0.03)


def test_what_two_steps_share_begins_equal():
    first, second = (dict(build(name).named_parameters()) for name in ("V2", "V4"))
    # Of these two the MLP is another one.
    shared = {name for name in first.keys() & second.keys() if "feed_forward." not in name}
    assert "blocks.0.attention.qkv.weight" in shared
    assert all(torch.equal(first[name], second[name]) for name in shared)


def test_a_learned_share_has_its_penalty_in_training():
    model = build("V15")
    with torch.no_grad():
        for block in model.blocks:
            block.attention.share.phi.fill_(40.0)
    shares = torch.stack([block.attention.share() for block in model.blocks])
    wanted = PENALTY * (shares.mean() - SHARE).square()
    rows = text(length=33)
    plain = super(type(model), model.train()).loss(rows)
    torch.testing.assert_close(model.loss(rows) - plain, wanted, atol=1e-9, rtol=0)
    # Not in an evaluation: there the loss is the text's alone.
    model.eval()
    torch.testing.assert_close(model.loss(rows), super(type(model), model).loss(rows))


def test_self_restart_mixes_in_a_token_s_own_value():
    layer = build("V2").blocks[0].attention
    x = torch.randn(1, 5, 64, dtype=torch.float64)
    with torch.no_grad():
        layer.restart.phi.fill_(60.0)
    assert layer.restart().tolist() == pytest.approx([0.5] * 4)
    q, k, v = layer.heads(x, None)
    mixed = layer.attend(q, k, v, None)
    plain = super(type(layer), layer).attend(q, k, v, None)
    torch.testing.assert_close(mixed, (plain + v) / 2)
