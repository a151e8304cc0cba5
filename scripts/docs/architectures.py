"""The generated tables of docs/architectures.md: components, presets, sizes of both families."""

import torch

from gpt2.architectures import model_of
from gpt2.cost import model_flops
from gpt2.shape import architecture_name
from lib.arms import COMPONENTS
from lib.cli import ROOT
from lib.flops import RANKED
from lib.kconfig import Tree, override_layer
from scripts.docs.options import members
from scripts.docs.tables import code, table

PAGE = ROOT / "docs" / "architectures.md"

PRESETS = ("gpt2", "llama", "team", "hybrid")
FAMILIES = ("gpt2", "llama")
CHOICES = (
    *("NORMALIZATION", "NORM_POSITION", "POSITION_ENCODING", "FFN_TYPE", "ACTIVATION"),
    *("ATTENTION_BACKEND",),
)
VOCABULARY = 50257


def contents(tree: Tree) -> dict[str, str]:
    """By place of the page, its table."""
    return {"components": _components(tree), "presets": _presets(tree), "sizes": _sizes(tree)}


def _components(tree: Tree) -> str:
    rows = [
        (code(choice), ", ".join(code(value) for value, _, _ in members(tree, choice)))
        for choice in CHOICES
    ]
    others = [name for name in COMPONENTS if name not in CHOICES]
    rows += [(code(name), tree.symbols[name].prompt or "") for name in others]
    rows.append((code("DROPOUT"), "probability, of any architecture"))
    return table(("option", "values, or what it is"), rows)


def _presets(tree: Tree) -> str:
    resolved = [tree.resolve([override_layer([("ARCH_PRESET", name)])]).typed() for name in PRESETS]
    rows = [(code(name), *(_value(config[name]) for config in resolved)) for name in COMPONENTS]
    return table(("option", *map(code, PRESETS)), rows)


def _value(value: object) -> str:
    if value is None:
        return "-"
    return {True: "y", False: "n"}[value] if isinstance(value, bool) else code(str(value))


def _sizes(tree: Tree) -> str:
    rows = []
    for value, _, _ in members(tree, "MODEL"):
        if value == "custom":
            continue
        for family in FAMILIES:
            choice = override_layer([("MODEL", value), ("ARCH_PRESET", family)])
            config = tree.resolve([choice]).typed()
            with torch.device("meta"):
                model = model_of(dict(config), VOCABULARY, None)
            flops = model_flops(model, config["BLOCK_SIZE"])
            rows.append(
                (
                    code(value),
                    code(family),
                    code(architecture_name(model.shape)),
                    f"{flops.parameters:,}",
                    f"{flops.training(RANKED) / 1e9:.4g}",
                    f"{flops.attention_to_feed_forward:.2f}",
                )
            )
    header = ("`MODEL`", "preset", "architecture", "parameters", "GFLOP/token", "attention / FFN")
    return table(header, rows)
