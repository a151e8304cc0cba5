"""What differs between a model of transformers and the one that our options describe.

Every difference is named at once, with the options that would remove it. Knows no torch.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpt2.exchange.config import Described
from gpt2.exchange.errors import USAGE, ExchangeError
from gpt2.exchange.layouts import GPT2, LLAMA, SYMBOL_OF, option_text
from gpt2.shape import Shape, ffn_hidden, padded_vocabulary

# Layers, heads and width of the sizes that have a name in both worlds.
NAMED_SIZES = {
    "gpt2": (12, 12, 768),
    "gpt2-medium": (24, 16, 1024),
    "gpt2-large": (36, 20, 1280),
    "gpt2-xl": (48, 25, 1600),
}

_SIZES = {"n_layer": "N_LAYER", "n_head": "N_HEAD", "n_embd": "N_EMBD"}

# What a format leaves open, as the preset of its name has it (gpt2/components/Kconfig).
_PRESETS: dict[str, dict[str, Any]] = {
    GPT2.name: {"activation": "gelu-tanh", "bias": True, "weight_tying": True},
    LLAMA.name: {"activation": None, "bias": False, "weight_tying": False},
}
# Ends of the ranges of VOCAB_MULTIPLE and FFN_MULTIPLE.
_LARGEST_MULTIPLE = 1024
_LARGEST_FFN_MULTIPLE = 4096


def check_fit(
    source: str | Path,
    described: Described,
    shape: Shape,
    settings: Mapping[str, Any],
    tokens: int | None,
) -> None:
    """Raise ExchangeError, naming all differences, unless the weights fit a model of `shape`.

    settings: what `shape` was made from. tokens: of the dataset's tokenizer, before padding; None
    where they are not known yet, and then the rows of the vocabulary are not compared.
    """
    differences = list(described.obstacles)
    can_be_mended = not differences
    options: list[str] = []
    if sizes := _unequal(described, shape, _SIZES):
        differences += sizes
        options += _size_options(described)
    if components := _component_differences(described, shape, settings):
        differences += components
        options += _component_options(described, settings)
    theta = described.values["rope_theta"]
    if theta is not None and theta != shape.rope_theta:
        differences.append(_there_and_here("ROPE_THETA", theta, shape.rope_theta))
        options.append(f"ROPE_THETA={option_text(theta)}")
    if described.positions < shape.block_size:
        differences.append(
            f"there are {described.positions} positions there, fewer than "
            f"BLOCK_SIZE={shape.block_size}"
        )
        options.append(f"BLOCK_SIZE={described.positions}")
    rows = described.values["vocab_size"]
    if tokens is not None and rows != shape.vocab_size:
        what = (
            f"its vocabulary has {rows} rows there and {shape.vocab_size} here, and is not padded"
        )
        multiple = vocabulary_multiple(tokens, rows)
        if multiple is None:
            can_be_mended = False
            what += f", nor has it the {tokens} tokens of this dataset"
        else:
            options.append(f"VOCAB_MULTIPLE={multiple}")
        differences.append(what)
    if not differences:
        return
    if not can_be_mended:
        remedy = "Take other weights, or data with their tokens"
    else:
        remedy = f"Set {' '.join(options)}"
    raise ExchangeError(
        f"INIT_FROM={source} is another model than the options describe: "
        f"{'; '.join(differences)}. {remedy}.",
        USAGE,
    )


def vocabulary_multiple(tokens: int, rows: int) -> int | None:
    """A VOCAB_MULTIPLE that pads so many tokens to so many rows, None if none does.

    The smallest power of two, else the smallest number.
    """
    multiples = sorted(range(1, _LARGEST_MULTIPLE + 1), key=lambda n: (n & (n - 1) != 0, n))
    return next((n for n in multiples if padded_vocabulary(tokens, n) == rows), None)


def _size_options(described: Described) -> list[str]:
    sizes = tuple(described.values[field] for field in _SIZES)
    for name, named in NAMED_SIZES.items():
        if sizes == named:
            return [f"MODEL={name}"]
    options = [f"{symbol}={size}" for symbol, size in zip(_SIZES.values(), sizes, strict=True)]
    return ["MODEL=custom", *options]


def _component_differences(
    described: Described, shape: Shape, settings: Mapping[str, Any]
) -> list[str]:
    """Besides those that follow from another width or number of heads."""
    heads, width = described.values["n_head"], described.values["n_embd"]
    as_wide = replace(
        shape,
        n_kv_head=settings["N_KV_HEAD"] or heads,
        ffn_hidden=ffn_hidden({**settings, "N_EMBD": width}),
    )
    found = _unequal(described, as_wide, SYMBOL_OF | {"ffn_hidden": "FFN_HIDDEN"})
    if described.layout is GPT2 and shape.normalization in GPT2.accepts["normalization"]:
        # The one without a bias is the one whose bias is zero, which the tensors will tell.
        return [what for what in found if not what.startswith("NORMALIZATION")]
    return found


def _component_options(described: Described, settings: Mapping[str, Any]) -> list[str]:
    """The preset, where it is one; else every component, because a preset hides what it fixes."""
    values = described.values | {"bias": described.values.get("bias", True)}
    has_groups = values["n_kv_head"] != values["n_head"]
    preset = _PRESETS[described.layout.name]
    if not has_groups and all(values[field] == value for field, value in preset.items()):
        by_kind = _hidden_by_kind(values, settings["FFN_MULTIPLE"])
        if by_kind is not None:
            return [f"ARCH_PRESET={described.layout.name}", *by_kind]
    values |= {"n_kv_head": values["n_kv_head"] if has_groups else 0}
    options = [
        f"{symbol}={option_text(values[field])}"
        for field, symbol in SYMBOL_OF.items()
        if values[field] is not None
    ]
    return ["ARCH_PRESET=custom", *options, f"FFN_HIDDEN={values['ffn_hidden']}"]


def _hidden_by_kind(values: Mapping[str, Any], multiple: int | None) -> list[str] | None:
    """What gives the hidden channels without FFN_HIDDEN; None if nothing does.

    multiple: FFN_MULTIPLE of now, None where it is not set.
    """

    def gives(rounded_to: int) -> bool:
        sizes = {"FFN_TYPE": values["ffn_type"], "N_EMBD": values["n_embd"]}
        made = ffn_hidden({**sizes, "FFN_HIDDEN": 0, "FFN_MULTIPLE": rounded_to})
        return made == values["ffn_hidden"]

    if values["ffn_type"] == "standard":
        return [] if gives(1) else None
    if multiple is not None and gives(multiple):
        return []
    found = next(filter(gives, range(1, _LARGEST_FFN_MULTIPLE + 1)), None)
    return None if found is None else [f"FFN_MULTIPLE={found}"]


def _unequal(described: Described, shape: Shape, symbols: Mapping[str, str]) -> list[str]:
    return [
        _there_and_here(symbol, described.values[field], getattr(shape, field))
        for field, symbol in symbols.items()
        if field in described.values and described.values[field] != getattr(shape, field)
    ]


def _there_and_here(symbol: str, there: object, here: object) -> str:
    shown = [option_text(value) if value is not None else "not set" for value in (there, here)]
    return f"{symbol} is {shown[0]} there and {shown[1]} here"
