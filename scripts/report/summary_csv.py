"""summary.csv: a row per planned run with every number, for spreadsheets and pandas.

Numbers stand as in summary.json, with all their digits; what was not measured is empty.
"""

import csv
import io

from .load import Run, printable
from .scoreboard import Scoreboard

NUMBERS = (
    "pruning.target_sparsity", "pruning.achieved_sparsity", "pruning.achieved_sparsity_all",
    "tokens", "steps", "val_loss", "val_perplexity", "val_bits_per_byte", "val_tokens",
    "val_best.loss", "val_best.step", "val_best.sparsity",
    "params.total", "params.prunable", "params.nonzero",
    "time.total_s", "time.startup_s", "time.train_s", "time.eval_s", "time.data_s",
    "time.checkpoint_s", "time.compile_s", "time.step_ms_median", "time.step_ms_p95",
    "time.optimizer_s", "time.optimizer_ms_median", "time.prune_ms_total",
    "memory.peak_allocated_bytes", "memory.peak_reserved_bytes", "memory.peak_rss_bytes",
    "memory.weights_bytes", "memory.gradients_bytes", "memory.optimizer_bytes",
    "memory.mask_bytes",
    "throughput.tokens_per_s", "throughput.flops_per_token", "throughput.achieved_tflops",
    "throughput.mfu", "epochs", "attempts",
)  # fmt: skip

FACTS = (
    "hardware.device", "hardware.device_name", "hardware.fingerprint", "data.dataset", "data.hash",
    "git.sha", "git.dirty", "versions.python", "versions.torch", "determinism",
)  # fmt: skip


def render(board: Scoreboard) -> str:
    """The file's text; lines end with a newline alone."""
    axes = sorted({name for run in board.matrix.runs for name in run.axes} - {"SEED"})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    identity = ["run", "arm", "seed", "state", "live", "reason", "masked_dense"]
    writer.writerow([*identity, *axes, *NUMBERS, *FACTS])
    for run in board.matrix.runs:
        settings = [_blank(run.axes.get(name)) for name in axes]
        writer.writerow([*_identity(run), *settings, *_numbers(run), *map(_blank, _facts(run))])
    return file.getvalue()


def _identity(run: Run) -> list[object]:
    return [
        printable(run.dir),
        run.arm,
        run.seed,
        run.state,
        run.live,
        run.reason,
        int(run.is_pruned),
    ]


def _numbers(run: Run) -> list[object]:
    return [_blank(run.number(name)) for name in NUMBERS]


def _facts(run: Run) -> list[str | None]:
    return [run.fact(name) for name in FACTS]


def _blank(value: object) -> object:
    return "" if value is None else value
