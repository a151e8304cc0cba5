import pytest
import torch
from torch import nn

from lib.pruning.scope import prunable_parameters


def named_parameters():
    shapes = {
        "token_embedding.weight": (7, 4),
        "position_embedding.weight": (5, 4),
        "blocks.0.attention_norm.weight": (4,),
        "blocks.0.attention.qkv.weight": (12, 4),
        "blocks.0.attention.qkv.bias": (12,),
        "blocks.0.attention.gate": (),
        "blocks.0.feed_forward.up.weight": (16, 4),
        "final_norm.weight": (4,),
    }
    return [(name, nn.Parameter(torch.ones(shape))) for name, shape in shapes.items()]


BLOCKS = ["blocks.0.attention.qkv.weight", "blocks.0.feed_forward.up.weight"]


def test_blocks_are_the_matrices_of_the_blocks():
    assert [name for name, _ in prunable_parameters("blocks", named_parameters())] == BLOCKS


def test_the_head_comes_on_request():
    chosen = prunable_parameters("blocks-head", named_parameters())
    assert [name for name, _ in chosen] == ["token_embedding.weight", *BLOCKS]


def test_a_tied_tensor_counts_once():
    named = named_parameters()
    tied = [*named, ("blocks.9.again.weight", named[3][1])]
    assert len(prunable_parameters("blocks", tied)) == 2


def test_an_empty_scope_is_refused():
    wrapped = [(f"module.{name}", parameter) for name, parameter in named_parameters()]
    with pytest.raises(ValueError, match="no parameter is in the pruning scope blocks; name the"):
        prunable_parameters("blocks", wrapped)
    with pytest.raises(ValueError, match="no pruning scope 'block'; did you mean blocks"):
        prunable_parameters("block", named_parameters())
