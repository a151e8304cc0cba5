"""Components by their formulas."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from gpt2.components.activation import ACTIVATIONS
from gpt2.components.attention import BACKENDS, CausalSelfAttention
from gpt2.components.block import BLOCKS
from gpt2.components.feed_forward import FEED_FORWARDS, SwiGLU
from gpt2.components.normalization import NORMALIZATIONS
from gpt2.components.position import POSITIONS, rotation
from gpt2.model import GPT
from tests.gpt2.shapes import TINY, sized

X = torch.linspace(-3, 3, 25, dtype=torch.float64)


@pytest.mark.parametrize(
    ("group", "registry"),
    [
        ("NORMALIZATION", NORMALIZATIONS),
        ("ACTIVATION", ACTIVATIONS),
        ("POSITION_ENCODING", POSITIONS),
        ("FFN_TYPE", FEED_FORWARDS),
        ("NORM_POSITION", BLOCKS),
        ("ATTENTION_BACKEND", BACKENDS),
    ],
)
def test_every_value_of_kconfig_is_registered(tree, group, registry):
    assert list(registry) == list(tree.groups[group].values)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("gelu", X * (1 + torch.erf(X / 2**0.5)) / 2),
        ("gelu-tanh", X / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (X + 0.044715 * X**3)))),
        ("silu", X / (1 + torch.exp(-X))),
        ("relu", X.clamp(min=0)),
        ("relu-squared", X.clamp(min=0) ** 2),
        ("leaky-relu", torch.where(X > 0, X, 0.01 * X)),
    ],
)
def test_activations_by_formula(name, formula):
    torch.testing.assert_close(ACTIVATIONS[name](X), formula, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_norms_by_formula(name):
    x = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    norm = NORMALIZATIONS[name](8).double()
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    centred = x if name == "rmsnorm" else x - x.mean(dim=-1, keepdim=True)
    wanted = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt() * norm.weight
    if name == "layernorm":
        wanted = wanted + norm.bias
    else:
        assert getattr(norm, "bias", None) is None
    torch.testing.assert_close(norm(x), wanted, atol=1e-12, rtol=1e-9)


def test_swiglu_by_its_formula():
    layer = SwiGLU(replace(TINY, ffn_type="swiglu", activation=None, bias=False)).double()
    x = torch.randn(3, 16, dtype=torch.float64)
    gate, up = x @ layer.gate.weight.T, x @ layer.up.weight.T
    wanted = (gate * torch.sigmoid(gate) * up) @ layer.down.weight.T
    torch.testing.assert_close(layer(x), wanted)


def test_rotation_keeps_lengths_and_knows_distances_alone():
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(8, dtype=torch.float64, generator=generator) for _ in range(2))
    turned = rotation(0, 40, 8, 100.0, torch.device("cpu"))
    q_TD, k_TD = turned.turn(q.expand(40, 8)), turned.turn(k.expand(40, 8))
    torch.testing.assert_close(q_TD.norm(dim=-1), q.norm().expand(40), atol=1e-6, rtol=0)
    products = q_TD @ k_TD.T
    for distance in (0, 1, 7):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), atol=1e-5, rtol=0)
    assert products.diagonal(1)[0] != products.diagonal(0)[0]


def test_rotation_begins_where_it_is_told():
    whole = rotation(0, 9, 4, 100.0, torch.device("cpu"))
    part = rotation(5, 9, 4, 100.0, torch.device("cpu"))
    assert torch.equal(part.cos_TD, whole.cos_TD[5:])
    assert torch.equal(part.sin_TD, whole.sin_TD[5:])


def test_grouped_heads_are_heads_with_repeated_weights():
    grouped = CausalSelfAttention(replace(sized(1, 4, 32, 8, 9), n_kv_head=2)).double()
    full = CausalSelfAttention(sized(1, 4, 32, 8, 9)).double()
    state = grouped.state_dict()
    for kind in ("weight", "bias"):
        q, k, v = state[f"qkv.{kind}"].split((32, 16, 16))
        # Heads 0 and 1 have the first keys and values, heads 2 and 3 the second.
        k, v = (part.unflatten(0, (2, 8))[[0, 0, 1, 1]].flatten(0, 1) for part in (k, v))
        state[f"qkv.{kind}"] = torch.cat((q, k, v))
    full.load_state_dict(state)
    x = torch.randn(2, 8, 32, dtype=torch.float64)
    torch.testing.assert_close(grouped(x), full(x), atol=1e-12, rtol=1e-9)


def test_qk_norm_leaves_no_length_to_queries_and_keys():
    layer = CausalSelfAttention(replace(TINY, qk_norm=True))
    x = torch.randn(2, 5, 16)
    q, k, v = layer.heads(x, None)
    ones = torch.ones(2, 2, 5)
    for part in (q, k):
        torch.testing.assert_close(part.square().mean(dim=-1), ones, atol=1e-3, rtol=0)
    assert not torch.allclose(v.square().mean(dim=-1), ones, atol=0.1)


def test_a_post_norm_model_ends_with_its_last_block():
    model = GPT(replace(TINY, norm_position="post"), 0).eval()
    tokens = torch.arange(12)[None]
    hidden = model.hidden(tokens)
    assert list(model.final_norm.parameters()) == []
    # The norm of the last block has weight one and no bias yet.
    torch.testing.assert_close(hidden.mean(dim=-1), torch.zeros(1, 12), atol=1e-5, rtol=0)
    torch.testing.assert_close(hidden.var(dim=-1, correction=0), torch.ones(1, 12), atol=1e-2,
                               rtol=0)  # fmt: skip


def test_without_positions_the_order_of_the_past_does_not_matter():
    model = GPT(replace(TINY, n_layer=1, position_encoding="none"), 0).double().eval()
    tokens = torch.tensor([[1, 2, 3, 4, 5], [3, 1, 4, 2, 5]])
    first, second = model(tokens)[:, -1]
    torch.testing.assert_close(first, second, atol=1e-12, rtol=1e-9)
    for position_encoding, theta in (("learned-absolute", None), ("rope", 1e4)):
        shape = replace(TINY, n_layer=1, position_encoding=position_encoding, rope_theta=theta)
        first, second = GPT(shape, 0).double().eval()(tokens)[:, -1]
        assert not torch.allclose(first, second, atol=1e-9)


def test_dropout_acts_in_training_alone():
    for ffn_type, activation in (("standard", "gelu"), ("swiglu", None)):
        shape = replace(TINY, ffn_type=ffn_type, activation=activation, dropout=0.5)
        model = GPT(shape, 0)
        tokens = torch.arange(12)[None]
        assert torch.equal(model.eval()(tokens), model(tokens))
        assert not torch.equal(model.train()(tokens), model(tokens))
        assert F.dropout(torch.ones(1), 0.5, training=False) == 1
