"""The generated tables of docs/measurement.md: conventions of FLOPs, memory, peaks of devices."""

import torch

from gpt2.cost import model_flops
from gpt2.footprint import GIB
from gpt2.memory_need import Demand, demands, likely_facts
from gpt2.model import GPT
from gpt2.shape import shape_of
from gpt2.speed import resolve
from lib.arms import settings_of
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
# Of the table of memory; sequences at a time.
MODELS = SIZES | {"1360M": "1360m"}
GPU_BATCHES = (1, 8, 32, 64, 96, 128)
CPU_BATCHES = (1, 8)


def contents(tree: Tree) -> dict[str, str]:
    """By place of the page, its table."""
    return {"conventions": _conventions(tree), "memory": _memory(tree), "peaks": _peaks()}


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


def _memory(tree: Tree) -> str:
    """By the formula that a plan and a run ask; nothing here was measured."""
    rows = []
    for name, model in MODELS.items():
        on_gpu = [_demands(tree, model, micro, is_gpu=True) for micro in GPU_BATCHES]
        alone = [_demands(tree, model, micro, is_gpu=False) for micro in CPU_BATCHES]
        host = on_gpu[0][1]
        cells = [*(found[0] for found in on_gpu), host, *(found[0] for found in alone)]
        rows.append((name, *(f"{demand.needed / GIB:.3g}" for demand in cells)))
    header = ("model", *(f"GPU, {n}" for n in GPU_BATCHES), "host beside it")
    return table((*header, *(f"processor, {n}" for n in CPU_BATCHES)), rows)


def _demands(tree: Tree, model: str, micro: int, *, is_gpu: bool) -> list[Demand]:
    # The processor's arithmetic is stated: what is automatic there depends on the machine.
    options = {"MODEL": model, "BLOCK_SIZE": CONTEXT, "OPTIMIZER": "adamw"}
    options |= {"PRUNING_METHOD": "none", "DTYPE": "bfloat16" if is_gpu else "float32"}
    pairs = [(name, str(value)) for name, value in options.items()]
    settings = settings_of(tree.resolve([override_layer(pairs)]))
    speed = resolve(settings, likely_facts(is_gpu), VOCABULARY, micro)
    return demands(settings, speed, VOCABULARY, micro, is_gpu)


def _peaks() -> str:
    return table(
        ("device", "dense bf16, TFLOP/s", "memory, TB/s", "what the figure is"),
        ((peak.name, _number(peak.bf16_tflops), _number(peak.bandwidth_tb_s), peak.note)
         for peak in PEAKS),
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
