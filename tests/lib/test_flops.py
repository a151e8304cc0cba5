import pytest
import torch
from torch import nn

from lib.flops import flops_per_token, matmul_parameters

# name: layers, heads, width; all with 64-wide heads, block size 1024 and biases.
SHAPES = {
    "gpt2": (12, 12, 768),
    "medium": (24, 16, 1024),
    "large": (36, 20, 1280),
    "xl": (48, 25, 1600),
}


def count(n_layer, n_embd, vocabulary):
    """Every parameter of a GPT-2 with biases but the position embedding."""
    block = 12 * n_embd**2 + 13 * n_embd  # 4 matrices; their 9 n biases and two norms of 2 n
    return n_layer * block + 2 * n_embd + vocabulary * n_embd


@pytest.mark.parametrize(
    ("preset", "vocabulary", "gflop"),
    [
        ("gpt2", 50257, 0.8552),
        ("gpt2", 50304, 0.8554),
        ("medium", 50304, 2.425),
        ("large", 50304, 5.203),
        ("xl", 50304, 10.280),
    ],
)
def test_known_answers(preset, vocabulary, gflop):
    n_layer, n_head, n_embd = SHAPES[preset]
    flops = flops_per_token(
        matmul_parameters=count(n_layer, n_embd, vocabulary),
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        block_size=1024,
    )
    digits = len(str(gflop).split(".")[1]) if preset != "xl" else 3
    assert round(flops / 1e9, digits) == gflop


def test_the_count_of_124m_is_the_known_one():
    assert count(12, 768, 50304) == 124_475_904 - 786_432


def test_parameters_count_once_and_positions_not_at_all():
    tied = nn.Parameter(torch.ones(5, 4))
    named = [
        ("token_embedding.weight", tied),
        ("position_embedding.weight", nn.Parameter(torch.ones(7, 4))),
        ("blocks.0.up.bias", nn.Parameter(torch.ones(3))),
        ("head.weight", tied),
    ]
    assert matmul_parameters(named) == 23


def test_pruned_weights_still_count():
    assert matmul_parameters([("blocks.0.up", nn.Parameter(torch.zeros(3, 3)))]) == 9
