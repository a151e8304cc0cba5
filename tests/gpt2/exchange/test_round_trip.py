"""What goes out comes in again bit for bit: all weights, zeros with their sign, padding."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.exchange.config import read_config
from gpt2.exchange.folder import open_folder
from gpt2.exchange.initial import matched
from gpt2.exchange.layouts import layout_of
from gpt2.exchange.write import their_tensors, write_export
from gpt2.model import GPT
from gpt2.shape import Shape
from tests.gpt2.exchange.models import LLAMA, SHAPES, made, same_bits
from tests.gpt2.shapes import TINY


@st.composite
def shapes(draw) -> Shape:
    """Any shape that has a format."""
    keys = draw(st.sampled_from([1, 2, 3]))
    is_llama = draw(st.booleans())
    groups = draw(st.sampled_from([1, 2])) if is_llama else 1
    sizes = {
        "n_layer": draw(st.integers(1, 3)),
        "n_head": keys * groups,
        "n_kv_head": keys,
        "n_embd": keys * groups * draw(st.sampled_from([2, 4])),
        "ffn_hidden": draw(st.integers(1, 20)),
        "block_size": draw(st.integers(1, 9)),
        "vocab_size": draw(st.integers(1, 40)),
        "bias": draw(st.booleans()),
        "weight_tying": draw(st.booleans()),
    }
    if is_llama:
        return replace(LLAMA, **sizes, rope_theta=draw(st.floats(1.0, 1e6)))
    normalization = draw(st.sampled_from(["layernorm", "layernorm-nobias"]))
    activation = draw(st.sampled_from(["gelu", "gelu-tanh", "silu", "relu", "leaky-relu"]))
    return replace(TINY, **sizes, normalization=normalization, activation=activation)


@given(shape=shapes())
@settings(max_examples=25)
def test_any_shape_comes_back(tmp_path_factory, shape):
    folder = tmp_path_factory.mktemp("round") / "out"
    model = made(shape)
    write_export(folder, model, None, {})
    found = made(shape, seed=9)
    described = read_config(folder)
    values = {field: getattr(shape, field) for field in described.values}
    assert described.values == values | {"normalization": described.values["normalization"]}
    assert (described.positions, described.obstacles) == (shape.block_size, ())
    matched("out", open_folder(folder), described, shape)(found)
    assert same_bits(model, found)


@pytest.mark.parametrize("name", ["gpt2", "llama-grouped"])
def test_pruned_weights_stay_exactly_zero(name, tmp_path, taken):
    model = made(SHAPES[name])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= torch.rand(parameter.shape) > 0.5
    counts = [int((p == 0).sum()) for p in model.parameters()]
    assert sum(counts) > 1000
    write_export(tmp_path / "out", model, None, {})
    found = taken(tmp_path / "out", SHAPES[name])
    assert counts == [int((p == 0).sum()) for p in found.parameters()]
    assert same_bits(model, found)


@pytest.mark.parametrize("name", SHAPES)
def test_every_parameter_goes_out_once(name):
    """Under names that differ, with as many numbers: nothing is left out, nothing is doubled."""
    model = GPT(SHAPES[name], 0)
    pairs = layout_of(model.shape).pairs(model.shape, model.shape.block_size)
    here = [pair.ours for pair in pairs if pair.is_here]
    assert sorted(here) == sorted(name for name, _ in model.named_parameters())
    tensors = their_tensors(model)
    zeros = sum(torch.Size(s).numel() for p in pairs if not p.is_here for s in p.shapes)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert sum(tensor.numel() for tensor in tensors.values()) == total + zeros


def test_a_shorter_context_takes_the_first_positions(tmp_path, taken):
    model = made(TINY)
    write_export(tmp_path / "out", model, None, {})
    found = taken(tmp_path / "out", replace(TINY, block_size=5))
    ours, theirs = found.position_embedding.weight, model.position_embedding.weight
    assert torch.equal(ours, theirs[:5])


def test_an_export_is_the_same_twice(tmp_path):
    for folder in ("one", "two"):
        write_export(tmp_path / folder, made(TINY), 30, {"README.md": "x"})
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
