"""Shapes for tests: the published architecture, small; `replace` gives others."""

from typing import Any

from gpt2.shape import Shape

TINY = Shape(
    n_layer=2,
    n_head=2,
    n_kv_head=2,
    n_embd=16,
    ffn_hidden=64,
    block_size=12,
    vocab_size=31,
    normalization="layernorm",
    norm_position="pre",
    position_encoding="learned-absolute",
    rope_theta=None,
    ffn_type="standard",
    activation="gelu-tanh",
    attention_backend="sdpa",
    qk_norm=False,
    bias=True,
    weight_tying=True,
    dropout=0.0,
)


def sized(
    n_layer: int, n_head: int, n_embd: int, block_size: int, vocab_size: int, **changes: Any
) -> Shape:
    """The published architecture in these sizes, with some fields changed."""
    values = vars(TINY) | {
        "n_layer": n_layer,
        "n_head": n_head,
        "n_kv_head": n_head,
        "n_embd": n_embd,
        "ffn_hidden": 4 * n_embd,
        "block_size": block_size,
        "vocab_size": vocab_size,
    }
    return Shape(**values | changes)
