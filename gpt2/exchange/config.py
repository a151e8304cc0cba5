"""config.json of transformers: what it says of a model, in our terms, and the one of our models.

Every value is checked for its type, because the file may be anybody's. Knows no torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpt2.exchange.errors import CORRUPT, IO, MISSING, USAGE, ExchangeError, printable
from gpt2.exchange.layouts import GPT2, LAYOUTS, LLAMA, Layout
from gpt2.shape import STANDARD_EXPANSION, Shape

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
# Both normalizations are built with it (gpt2/components/normalization.py).
EPSILON = 1e-5
_LARGEST_CONFIG_BYTES = 1 << 20

# Ours to theirs, as in ACT2FN of transformers; the first name is the one that is written.
ACTIVATION_NAMES = {
    "gelu-tanh": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
    "gelu": ("gelu", "gelu_python"),
    "silu": ("silu", "swish"),
    "relu": ("relu",),
    "relu-squared": ("relu2",),
    "leaky-relu": ("leaky_relu",),
}

# The first version of transformers that reads all of a LlamaForCausalLM: before it rope_theta was
# passed over in silence, and before the second the biases of the feed-forward were, so an older
# version loads another model without a word.
_LLAMA_SINCE = "4.33.0"
_LLAMA_WITH_BIASES_SINCE = "4.41.0"

# A file of the model without its head holds the same, but for a head of its own.
_CLASSES = LAYOUTS | {"GPT2Model": GPT2, "LlamaModel": LLAMA}


@dataclass(frozen=True)
class Described:
    """A model of transformers in our terms."""

    layout: Layout
    values: dict[str, Any]
    """By field of Shape. GPT2LMHeadModel has no "bias": whether there are any, its tensors say."""
    positions: int
    obstacles: tuple[str, ...] = ()
    """What no option of ours is: clauses such as "layer_norm_epsilon is 1e-06, not 1e-05"."""


def read_config(folder: Path) -> Described:
    """What the config.json of a folder says. Raises ExchangeError."""
    path = folder / CONFIG_NAME
    if not path.is_file():
        what = f"has no {CONFIG_NAME}" if folder.is_dir() else "is not a folder"
        raise ExchangeError(
            f"{folder} {what}. Name a folder that transformers saved, with {CONFIG_NAME} and "
            f"{WEIGHTS_NAME}.",
            MISSING,
        )
    return describe(_Reader(path, _read_json(path)))


def read_json_file(path: Path, limit_bytes: int) -> dict[str, Any]:
    """A JSON object from a file that may be anybody's. Raises ExchangeError."""
    try:
        with open(path, "rb") as file:
            text = file.read(limit_bytes + 1)
    except OSError as error:
        what = f"Cannot read {path}: {error.strerror}. Make it readable."
        raise ExchangeError(what, IO) from error
    try:
        if len(text) > limit_bytes:
            raise ValueError(f"it has more than {limit_bytes:,} bytes")
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        raise ExchangeError(
            f"{path} is not the JSON that transformers writes: {printable(error)}. Save the model "
            "again, or name another folder.",
            CORRUPT,
        ) from error
    return value


def _read_json(path: Path) -> dict[str, Any]:
    return read_json_file(path, _LARGEST_CONFIG_BYTES)


class _Reader:
    """Typed values of one config.json."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self.path, self.values = path, values

    def whole(self, name: str, default: int | None = None) -> int:
        """A number of things, at least 1. default: what transformers takes where it is null."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if type(value) is not int or value < 1:
            raise self._wrong(name, "a whole number from 1 up")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.values.get(name, default)
        if type(value) not in (int, float):
            raise self._wrong(name, "a number")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.values.get(name, default)
        if type(value) is not bool:
            raise self._wrong(name, "true or false")
        return value

    def text(self, name: str, default: str) -> str:
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a name")
        return value

    def mapping(self, name: str) -> "_Reader":
        value = self.values.get(name)
        if value is None:
            return _Reader(self.path, {})
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return _Reader(self.path, value)

    def _wrong(self, name: str, wanted: str) -> ExchangeError:
        found = printable(json.dumps(self.values[name])) if name in self.values else "nothing"
        return ExchangeError(
            f"{self.path} has {found} as {name} where transformers has {wanted}. Save the model "
            "again, or name another folder.",
            CORRUPT,
        )


def describe(config: "_Reader") -> Described:
    """Raises ExchangeError for a file that is damaged, or of another architecture."""
    layout = _layout(config)
    if layout is None:
        what = config.values.get("architectures") or config.values.get("model_type")
        raise ExchangeError(
            f"{config.path} describes {printable(json.dumps(what))}. Only {' and '.join(LAYOUTS)} "
            "can be read: name a folder of one of these.",
            USAGE,
        )
    described = _gpt2(config) if layout is GPT2 else _llama(config)
    if config.values.get("quantization_config") is not None:
        obstacle = "its weights are quantized, and ours are not"
        return replace(described, obstacles=(*described.obstacles, obstacle))
    return described


def _layout(config: "_Reader") -> Layout | None:
    named, kind = config.values.get("architectures"), config.values.get("model_type")
    if named in (None, []):
        # A configuration that was saved without a model.
        return next((layout for layout in LAYOUTS.values() if layout.name == kind), None)
    if isinstance(named, list) and len(named) == 1 and isinstance(named[0], str):
        return _CLASSES.get(named[0])
    return None


def _gpt2(config: _Reader) -> Described:
    width = config.whole("n_embd")
    heads = config.whole("n_head")
    activation, obstacles = _activation(config.text("activation_function", "gelu_new"))
    obstacles += _not_built(
        ("layer_norm_epsilon", config.number("layer_norm_epsilon", EPSILON), EPSILON),
        ("scale_attn_weights", config.flag("scale_attn_weights", True), True),
        (
            "scale_attn_by_inverse_layer_idx",
            config.flag("scale_attn_by_inverse_layer_idx", False),
            False,
        ),
        ("add_cross_attention", config.flag("add_cross_attention", False), False),
    )
    values = {
        "n_layer": config.whole("n_layer"),
        "n_head": heads,
        "n_kv_head": heads,
        "n_embd": width,
        "ffn_hidden": config.whole("n_inner", STANDARD_EXPANSION * width),
        "vocab_size": config.whole("vocab_size"),
        "normalization": "layernorm",
        "norm_position": "pre",
        "position_encoding": "learned-absolute",
        "rope_theta": None,
        "ffn_type": "standard",
        "activation": activation,
        "qk_norm": False,
        "weight_tying": config.flag("tie_word_embeddings", True),
    }
    return Described(GPT2, values, config.whole("n_positions"), tuple(obstacles))


def _llama(config: _Reader) -> Described:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    # Since version 5 the rotation stands in rope_parameters; before in two values.
    rope = config.mapping("rope_parameters")
    scaling = config.mapping("rope_scaling")
    theta = rope.number("rope_theta", config.number("rope_theta", 10000.0))
    kind = rope.text("rope_type", scaling.text("rope_type", scaling.text("type", "default")))
    bias, mlp_bias = config.flag("attention_bias", False), config.flag("mlp_bias", False)
    obstacles = _not_built(
        ("rms_norm_eps", config.number("rms_norm_eps", 1e-6), EPSILON),
        ("rope_type", kind, "default"),
        ("partial_rotary_factor", rope.number("partial_rotary_factor", 1.0), 1.0),
        ("hidden_act", config.text("hidden_act", "silu"), "silu"),
    )
    if config.whole("head_dim", max(1, width // heads)) * heads != width:
        obstacles.append("head_dim is not hidden_size / num_attention_heads")
    if bias != mlp_bias:
        obstacles.append("attention_bias and mlp_bias differ, and BIAS is one option for both")
    values = {
        "n_layer": config.whole("num_hidden_layers"),
        "n_head": heads,
        "n_kv_head": config.whole("num_key_value_heads", heads),
        "n_embd": width,
        "ffn_hidden": config.whole("intermediate_size"),
        "vocab_size": config.whole("vocab_size"),
        "normalization": "rmsnorm",
        "norm_position": "pre",
        "position_encoding": "rope",
        "rope_theta": theta,
        "ffn_type": "swiglu",
        "activation": None,
        "qk_norm": False,
        "bias": bias,
        "weight_tying": config.flag("tie_word_embeddings", False),
    }
    return Described(LLAMA, values, config.whole("max_position_embeddings"), tuple(obstacles))


def _activation(theirs: str) -> tuple[str | None, list[str]]:
    for ours, names in ACTIVATION_NAMES.items():
        if theirs in names:
            return ours, []
    return None, [f"activation_function is {printable(theirs)}, which is not built here"]


def _not_built(*found: tuple[str, object, object]) -> list[str]:
    return [
        f"{name} is {printable(value)} there, and only {wanted} is built here"
        for name, value, wanted in found
        if value != wanted
    ]


def version_needed(shape: Shape, layout: Layout) -> str | None:
    """The oldest transformers that loads this model and not another one; None: any."""
    if layout is GPT2:
        return None
    return _LLAMA_WITH_BIASES_SINCE if shape.bias else _LLAMA_SINCE


def config_of(shape: Shape, layout: Layout, eot: int | None) -> dict[str, Any]:
    """The config.json of a model of ours. eot: the token that ends a text, if there is one."""
    common = {
        "architectures": [layout.model_class],
        "model_type": layout.name,
        "vocab_size": shape.vocab_size,
        "tie_word_embeddings": shape.weight_tying,
        # Written even where there is none: the classes have numbers of their own as defaults.
        "bos_token_id": eot,
        "eos_token_id": eot,
        "pad_token_id": None,
        # The same under the names of before and since version 5, as rope_theta below.
        "torch_dtype": "float32",
        "dtype": "float32",
        "initializer_range": 0.02,
        "use_cache": True,
    }
    if layout is GPT2:
        assert shape.activation is not None
        return common | {
            "n_positions": shape.block_size,
            # The same under OpenAI's own name, which llama.cpp reads.
            "n_ctx": shape.block_size,
            "n_embd": shape.n_embd,
            "n_layer": shape.n_layer,
            "n_head": shape.n_head,
            "n_inner": shape.ffn_hidden,
            "activation_function": ACTIVATION_NAMES[shape.activation][0],
            "resid_pdrop": shape.dropout,
            "embd_pdrop": shape.dropout,
            "attn_pdrop": shape.dropout,
            "layer_norm_epsilon": EPSILON,
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "reorder_and_upcast_attn": False,
        }
    return common | {
        "transformers_version": version_needed(shape, layout),
        "max_position_embeddings": shape.block_size,
        "hidden_size": shape.n_embd,
        "num_hidden_layers": shape.n_layer,
        "num_attention_heads": shape.n_head,
        "num_key_value_heads": shape.n_kv_head,
        "head_dim": shape.head_size,
        "intermediate_size": shape.ffn_hidden,
        "hidden_act": "silu",
        "rms_norm_eps": EPSILON,
        "rope_theta": shape.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "attention_bias": shape.bias,
        "mlp_bias": shape.bias,
        "attention_dropout": shape.dropout,
    }
