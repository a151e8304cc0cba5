"""Models for the tests of the exchange: of both formats, small, with weights that matter."""

from dataclasses import replace

import torch

from gpt2.model import GPT
from gpt2.shape import Shape
from tests.gpt2.shapes import TINY

LLAMA = replace(
    TINY,
    normalization="rmsnorm",
    position_encoding="rope",
    rope_theta=10000.0,
    ffn_type="swiglu",
    activation=None,
    ffn_hidden=48,
    bias=False,
    weight_tying=False,
)

SHAPES = {
    "gpt2": TINY,
    "gpt2-untied": replace(TINY, weight_tying=False, vocab_size=64),
    "gpt2-no-bias": replace(TINY, bias=False),
    "gpt2-no-bias-at-all": replace(TINY, bias=False, normalization="layernorm-nobias"),
    "gpt2-norm-without-bias": replace(TINY, normalization="layernorm-nobias"),
    "gpt2-larger": replace(TINY, n_layer=3, n_head=4, n_kv_head=4, n_embd=64, ffn_hidden=99),
    "gpt2-gelu": replace(TINY, activation="gelu"),
    "gpt2-silu": replace(TINY, activation="silu"),
    "gpt2-relu": replace(TINY, activation="relu"),
    "gpt2-relu-squared": replace(TINY, activation="relu-squared"),
    "gpt2-leaky-relu": replace(TINY, activation="leaky-relu"),
    "llama": LLAMA,
    "llama-tied": replace(LLAMA, weight_tying=True),
    "llama-biases": replace(LLAMA, bias=True),
    "llama-grouped": replace(LLAMA, n_layer=3, n_head=8, n_kv_head=2, n_embd=64, block_size=40),
    "llama-one-key": replace(LLAMA, n_head=4, n_kv_head=1, bias=True, weight_tying=True),
    "llama-theta": replace(LLAMA, rope_theta=500000.0, ffn_hidden=33),
}


def made(shape: Shape, seed: int = 0) -> GPT:
    """A model whose weights are large enough that no part of it is nearly linear, or nearly off."""
    model = GPT(shape).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            mean, std = (1.0, 0.5) if parameter.dim() == 1 else (0.0, 0.2)
            parameter.normal_(mean, std, generator=generator)
    return model


def tokens(shape: Shape, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(shape.vocab_size, (3, shape.block_size), generator=generator)


def same_bits(one: GPT, other: GPT) -> bool:
    """Also of a zero's sign."""
    return all(
        torch.equal(a.view(torch.int32), b.view(torch.int32))
        for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )
