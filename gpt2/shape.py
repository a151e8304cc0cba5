"""What a GPT is built from: its sizes and its components. Knows no torch: the plan asks too."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Hidden channels of the feed-forward for each channel of the residual stream: Vaswani et al. 2017,
# section 3.3; and of SwiGLU, whose three matrices then hold as many weights as two of four widths
# (Shazeer 2020, section 3).
STANDARD_EXPANSION = 4
SWIGLU_EXPANSION = (8, 3)


@dataclass(frozen=True)
class Shape:
    """Names and values as in Kconfig. Components are registered in gpt2/components."""

    n_layer: int
    n_head: int
    n_kv_head: int
    """Heads of keys and values; each serves n_head / n_kv_head heads of queries."""
    n_embd: int
    ffn_hidden: int
    """Hidden channels of the feed-forward."""
    block_size: int
    vocab_size: int
    """Rows of the token embedding, padding included."""
    normalization: str
    norm_position: str
    position_encoding: str
    rope_theta: float | None
    """None where positions are not rotary."""
    ffn_type: str
    activation: str | None
    """None where the feed-forward has one of its own."""
    attention_backend: str
    qk_norm: bool
    bias: bool
    """Of the linear layers; norms have theirs by their kind."""
    weight_tying: bool
    dropout: float

    @property
    def head_size(self) -> int:
        """Channels of a head."""
        return self.n_embd // self.n_head


def shape_of(settings: Mapping[str, Any], vocab_size: int) -> Shape:
    """The shape of a run's model. vocab_size: tokens of its tokenizer, before padding."""
    return Shape(
        n_layer=settings["N_LAYER"],
        n_head=settings["N_HEAD"],
        n_kv_head=settings["N_KV_HEAD"] or settings["N_HEAD"],
        n_embd=settings["N_EMBD"],
        ffn_hidden=ffn_hidden(settings),
        block_size=settings["BLOCK_SIZE"],
        vocab_size=padded_vocabulary(vocab_size, settings["VOCAB_MULTIPLE"]),
        normalization=settings["NORMALIZATION"],
        norm_position=settings["NORM_POSITION"],
        position_encoding=settings["POSITION_ENCODING"],
        rope_theta=settings["ROPE_THETA"],
        ffn_type=settings["FFN_TYPE"],
        activation=settings["ACTIVATION"],
        attention_backend=settings["ATTENTION_BACKEND"],
        # A bool that a preset hides and that is off is None, as everything that is not asked for.
        qk_norm=settings["QK_NORM"],
        bias=settings["BIAS"],
        weight_tying=settings["WEIGHT_TYING"],
        dropout=settings["DROPOUT"],
    )


def ffn_hidden(settings: Mapping[str, Any]) -> int:
    """Hidden channels of the feed-forward, FFN_HIDDEN or what its kind has."""
    if settings["FFN_HIDDEN"]:
        return settings["FFN_HIDDEN"]
    if settings["FFN_TYPE"] == "standard":
        return STANDARD_EXPANSION * settings["N_EMBD"]
    times, parts = SWIGLU_EXPANSION
    multiple = settings["FFN_MULTIPLE"]
    return multiple * math.ceil(times * settings["N_EMBD"] / (parts * multiple))


def padded_vocabulary(vocab_size: int, multiple: int) -> int:
    """The tokenizer's vocabulary rounded up: (50257, 64) -> 50304."""
    return math.ceil(vocab_size / multiple) * multiple


_WORDS = {
    "learned-absolute": "AbsPos",
    "rope": "RoPE",
    "none": "NoPos",
    "layernorm": "LN",
    "layernorm-nobias": "LN-NB",
    "rmsnorm": "RMSNorm",
    "swiglu": "SwiGLU",
    "gelu": "GELU",
    "gelu-tanh": "GELUtanh",
    "silu": "SiLU",
    "relu": "ReLU",
    "relu-squared": "ReLU2",
    "leaky-relu": "LeakyReLU",
    "pre": "Pre",
    "post": "Post",
}


def architecture_name(shape: Shape) -> str:
    """A line for people: "12L-12H-768D-RoPE-RMSNorm-SwiGLU-Pre".

    Grouped heads, another hidden size and QK-norm are said where they are; biases and the head of
    their own are not, to keep it short.
    """
    heads = f"{shape.n_head}H"
    if shape.n_kv_head != shape.n_head:
        heads += f"-{shape.n_kv_head}KV"
    hidden = _WORDS[shape.activation or shape.ffn_type]
    if shape.ffn_type == "standard" and shape.ffn_hidden != STANDARD_EXPANSION * shape.n_embd:
        hidden += f"{shape.ffn_hidden}"
    parts = [
        f"{shape.n_layer}L",
        heads,
        f"{shape.n_embd}D",
        _WORDS[shape.position_encoding],
        _WORDS[shape.normalization],
        *(["QKNorm"] if shape.qk_norm else []),
        hidden,
        _WORDS[shape.norm_position],
    ]
    return "-".join(parts)
