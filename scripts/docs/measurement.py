"""The generated tables of docs/measurement.md: conventions of FLOPs, and peaks of devices."""

import torch

from gpt2.cost import model_flops
from gpt2.model import GPT
from gpt2.shape import shape_of
from lib.cli import ROOT
from lib.flops import CONVENTIONS, ModelFlops
from lib.kconfig import Tree, override_layer
from lib.peaks import PEAKS
from scripts.docs.tables import code, table

PAGE = ROOT / "docs" / "measurement.md"
GFLOP = 1e9

# The published sizes, by MODEL.
SIZES = {"124M": "gpt2", "355M": "gpt2-medium", "774M": "gpt2-large", "1558M": "gpt2-xl"}
CONTEXT, VOCABULARY = 1024, 50304


def contents(tree: Tree) -> dict[str, str]:
    """By place of the page, its table."""
    return {"conventions": _conventions(tree), "peaks": _peaks()}


def _conventions(tree: Tree) -> str:
    flops = [_count(tree, model) for model in SIZES.values()]
    rows = [
        (
            code(name),
            convention.formula,
            *(f"{one.training(name) / GFLOP:.4f}" for one in flops),
            convention.used_by,
        )
        for name, convention in CONVENTIONS.items()
    ]
    return table(("convention", "training", *SIZES, "used by"), rows)


def _count(tree: Tree, model: str) -> ModelFlops:
    """On the meta device, where a model has shapes and no memory."""
    settings = tree.resolve([override_layer([("MODEL", model)])]).typed()
    with torch.device("meta"):
        return model_flops(GPT(shape_of(settings, VOCABULARY)), CONTEXT)


def _peaks() -> str:
    return table(
        ("device", "dense bf16, TFLOP/s", "memory, TB/s", "what the figure is"),
        ((peak.name, _number(peak.bf16_tflops), _number(peak.bandwidth_tb_s), peak.note)
         for peak in PEAKS),
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
