"""The generated tables of docs/measurement.md: conventions of FLOPs, and peaks of devices."""

import torch

from gpt2.cost import model_flops
from gpt2.model import GPT, Shape
from lib.cli import ROOT
from lib.flops import CONVENTIONS, ModelFlops
from lib.peaks import PEAKS
from scripts.docs.tables import code, table

PAGE = ROOT / "docs" / "measurement.md"
GFLOP = 1e9

# Layers, heads, width of the published sizes.
SIZES = {
    "124M": (12, 12, 768),
    "355M": (24, 16, 1024),
    "774M": (36, 20, 1280),
    "1558M": (48, 25, 1600),
}
CONTEXT, VOCABULARY = 1024, 50304


def contents() -> dict[str, str]:
    """By place of the page, its table."""
    return {"conventions": _conventions(), "peaks": _peaks()}


def _conventions() -> str:
    flops = [_count(*sizes) for sizes in SIZES.values()]
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


def _count(n_layer: int, n_head: int, n_embd: int) -> ModelFlops:
    """On the meta device, where a model has shapes and no memory."""
    with torch.device("meta"):
        shape = Shape(n_layer, n_head, n_embd, CONTEXT, VOCABULARY, True, True, 0.0, True)
        return model_flops(GPT(shape), CONTEXT)


def _peaks() -> str:
    return table(
        ("device", "dense bf16, TFLOP/s", "memory, TB/s", "what the figure is"),
        ((peak.name, _number(peak.bf16_tflops), _number(peak.bandwidth_tb_s), peak.note)
         for peak in PEAKS),
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
