"""The two formats of transformers that our models fit, and what each calls our parameters.

GPT2LMHeadModel     pre-norm, LayerNorm, learned positions, two matrices, always biases. Its block
                    matrices are Conv1D: kept transposed, [in, out].
LlamaForCausalLM    pre-norm, RMSNorm, rotary positions, SwiGLU, grouped heads. Queries, keys and
                    values are three matrices, ours stacked.

What GPT2LMHeadModel has and a model of ours has not, a bias, goes out as zeros and must come in as
zeros. Knows no torch.

Sizes: C width, E hidden channels, V rows of the vocabulary, P positions, K heads of keys and
values times their channels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gpt2.exchange.errors import USAGE, ExchangeError
from gpt2.shape import Shape

SYMBOL_OF = {
    "normalization": "NORMALIZATION",
    "norm_position": "NORM_POSITION",
    "position_encoding": "POSITION_ENCODING",
    "ffn_type": "FFN_TYPE",
    "activation": "ACTIVATION",
    "n_kv_head": "N_KV_HEAD",
    "qk_norm": "QK_NORM",
    "bias": "BIAS",
    "weight_tying": "WEIGHT_TYING",
}
"""The option of each component, by its field of Shape."""


@dataclass(frozen=True)
class Pair:
    """One parameter of ours and what it is in a file."""

    ours: str
    """Its name in gpt2/model.py."""
    theirs: tuple[str, ...]
    """Names in the file; several are stacked along the rows of ours."""
    shapes: tuple[tuple[int, ...], ...]
    """Of each in the file."""
    is_transposed: bool = False
    is_here: bool = True
    """False: our model does without, and in the file are zeros."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A format of transformers."""

    name: str
    """As `model_type` in config.json."""
    model_class: str
    prefix: str
    """Of every name but the head's; files of the model without its head leave it out."""
    ignored: re.Pattern[str]
    """Names, without the prefix, of constants that older files carry along."""
    accepts: dict[str, tuple[object, ...]]
    """By field of Shape, the values that this format has; other fields may be anything."""
    pairs: Callable[[Shape, int], list[Pair]]
    """Every parameter of a shape, with so many learned positions in the file."""

    def misfits(self, shape: Shape) -> list[str]:
        """The components of a shape that this format does not have, as options: "BIAS=n"."""
        found = [
            f"{SYMBOL_OF[field]}={option_text(getattr(shape, field))}"
            for field, values in self.accepts.items()
            if getattr(shape, field) not in values
        ]
        if self is GPT2 and shape.n_kv_head != shape.n_head:
            found.append(f"N_KV_HEAD={shape.n_kv_head}")
        return found


def layout_of(shape: Shape) -> Layout:
    """The format of a model of this shape. Raises ExchangeError, naming what has no format."""
    misfits = {layout: layout.misfits(shape) for layout in (GPT2, LLAMA)}
    layout = min(misfits, key=lambda one: len(misfits[one]))
    if misfits[layout]:
        raise ExchangeError(
            f"transformers has no format for this model: the nearest is {layout.model_class}, "
            f"which does not have {', '.join(misfits[layout])}. Only models of the components of "
            f"{GPT2.model_class} or {LLAMA.model_class} come in and go out (docs/exchange.md).",
            USAGE,
        )
    return layout


def option_text(value: object) -> str:
    """A value as the configuration writes it."""
    if isinstance(value, bool):
        return "y" if value else "n"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _gpt2_pairs(shape: Shape, positions: int) -> list[Pair]:
    C, E, V = shape.n_embd, shape.ffn_hidden, shape.vocab_size
    has_norm_bias = shape.normalization == "layernorm"

    def norm(ours: str, theirs: str) -> list[Pair]:
        weight, bias = f"{theirs}.weight", f"{theirs}.bias"
        return [
            Pair(f"{ours}.weight", (weight,), ((C,),)),
            Pair(f"{ours}.bias", (bias,), ((C,),), is_here=has_norm_bias),
        ]

    def linear(ours: str, theirs: str, rows: int, columns: int) -> list[Pair]:
        weight, bias = f"{theirs}.weight", f"{theirs}.bias"
        return [
            Pair(f"{ours}.weight", (weight,), ((columns, rows),), is_transposed=True),
            Pair(f"{ours}.bias", (bias,), ((rows,),), is_here=shape.bias),
        ]

    found = [
        Pair("token_embedding.weight", ("transformer.wte.weight",), ((V, C),)),
        Pair("position_embedding.weight", ("transformer.wpe.weight",), ((positions, C),)),
    ]
    for number in range(shape.n_layer):
        ours, theirs = f"blocks.{number}", f"transformer.h.{number}"
        found += norm(f"{ours}.attention_norm", f"{theirs}.ln_1")
        found += linear(f"{ours}.attention.qkv", f"{theirs}.attn.c_attn", 3 * C, C)
        found += linear(f"{ours}.attention.projection", f"{theirs}.attn.c_proj", C, C)
        found += norm(f"{ours}.feed_forward_norm", f"{theirs}.ln_2")
        found += linear(f"{ours}.feed_forward.up", f"{theirs}.mlp.c_fc", E, C)
        found += linear(f"{ours}.feed_forward.down", f"{theirs}.mlp.c_proj", C, E)
    found += norm("final_norm", "transformer.ln_f")
    return found + _head(shape)


def _llama_pairs(shape: Shape, positions: int) -> list[Pair]:
    C, E, V = shape.n_embd, shape.ffn_hidden, shape.vocab_size
    K = shape.n_kv_head * shape.head_size

    def linear(ours: str, theirs: tuple[str, ...], rows: tuple[int, ...], columns: int) -> list:
        weights = tuple(f"{name}.weight" for name in theirs)
        found = [Pair(f"{ours}.weight", weights, tuple((count, columns) for count in rows))]
        if shape.bias:
            biases = tuple(f"{name}.bias" for name in theirs)
            found.append(Pair(f"{ours}.bias", biases, tuple((count,) for count in rows)))
        return found

    found = [Pair("token_embedding.weight", ("model.embed_tokens.weight",), ((V, C),))]
    for number in range(shape.n_layer):
        ours, theirs = f"blocks.{number}", f"model.layers.{number}"
        before, after = f"{theirs}.input_layernorm", f"{theirs}.post_attention_layernorm"
        found.append(Pair(f"{ours}.attention_norm.weight", (f"{before}.weight",), ((C,),)))
        three = tuple(f"{theirs}.self_attn.{letter}_proj" for letter in "qkv")
        found += linear(f"{ours}.attention.qkv", three, (C, K, K), C)
        found += linear(f"{ours}.attention.projection", (f"{theirs}.self_attn.o_proj",), (C,), C)
        found.append(Pair(f"{ours}.feed_forward_norm.weight", (f"{after}.weight",), ((C,),)))
        for part in ("gate", "up"):
            found += linear(f"{ours}.feed_forward.{part}", (f"{theirs}.mlp.{part}_proj",), (E,), C)
        found += linear(f"{ours}.feed_forward.down", (f"{theirs}.mlp.down_proj",), (C,), E)
    found.append(Pair("final_norm.weight", ("model.norm.weight",), ((C,),)))
    return found + _head(shape)


def _head(shape: Shape) -> list[Pair]:
    """A head of its own. A tied one is the token embedding, and no file needs it twice."""
    if shape.weight_tying:
        return []
    return [Pair("head.weight", (HEAD,), ((shape.vocab_size, shape.n_embd),))]


HEAD = "lm_head.weight"

GPT2 = Layout(
    name="gpt2",
    model_class="GPT2LMHeadModel",
    prefix="transformer.",
    # The causal mask, as a tensor in each layer.
    ignored=re.compile(r"h\.\d+\.attn\.(masked_)?bias"),
    accepts={
        "normalization": ("layernorm", "layernorm-nobias"),
        "norm_position": ("pre",),
        "position_encoding": ("learned-absolute",),
        "ffn_type": ("standard",),
        "qk_norm": (False,),
    },
    pairs=_gpt2_pairs,
)

LLAMA = Layout(
    name="llama",
    model_class="LlamaForCausalLM",
    prefix="model.",
    # The angles of the rotation, which the configuration gives as well.
    ignored=re.compile(r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq"),
    accepts={
        "normalization": ("rmsnorm",),
        "norm_position": ("pre",),
        "position_encoding": ("rope",),
        "ffn_type": ("swiglu",),
        "qk_norm": (False,),
    },
    pairs=_llama_pairs,
)

LAYOUTS = {layout.model_class: layout for layout in (GPT2, LLAMA)}
