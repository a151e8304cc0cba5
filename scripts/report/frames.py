"""The matrix as two tidy tables for pandas: a row per run, and a row per evaluation.

They are written as summary.csv and curves.csv beside the page; in a notebook,

    from scripts.report import frames, load
    matrix = load.load_matrix(Path("results/matrices/..."))
    frames.curves(matrix).groupby("arm")["loss"].min()

Numbers stand as in the runs' own files, with all their digits; what was not measured is empty.
"""

import pandas

from .load import Matrix, Run, printable
from .study import controls

NUMBERS = (
    "pruning.target_sparsity", "pruning.achieved_sparsity", "pruning.achieved_sparsity_all",
    "tokens", "steps", "budget.seconds",
    "val_loss", "val_perplexity", "val_bits_per_byte", "val_tokens",
    "val_best.loss", "val_best.step", "val_best.sparsity",
    "params.total", "params.prunable", "params.nonzero",
    "time.total_s", "time.startup_s", "time.train_s", "time.eval_s", "time.data_s",
    "time.checkpoint_s", "time.compile_s", "time.step_ms_median", "time.step_ms_p95",
    "time.optimizer_s", "time.optimizer_ms_median", "time.prune_ms_total",
    "time.forward_backward_s", "time.overhead_s", "time.log_s",
    "memory.peak_allocated_bytes", "memory.peak_reserved_bytes", "memory.peak_rss_bytes",
    "memory.weights_bytes", "memory.gradients_bytes", "memory.optimizer_bytes",
    "memory.mask_bytes", "memory.score_bytes", "memory.rest_bytes",
    "throughput.tokens_per_s", "throughput.flops_per_token", "throughput.achieved_tflops",
    "throughput.useful_flops_per_token", "throughput.peak_tflops", "throughput.mfu",
    "throughput.mfu_causal", "throughput.matmul_tflops", "throughput.share_of_matmul",
    "epochs", "attempts",
)  # fmt: skip

FACTS = (
    "hardware.device", "hardware.device_name", "hardware.fingerprint", "hardware.cpu_model",
    "hardware.details.cpu_instructions", "hardware.threads", "data.dataset", "data.hash",
    "git.sha", "git.dirty", "versions.python", "versions.torch", "determinism",
)  # fmt: skip


CURVE = (
    "step",
    "tokens",
    "time_s",
    "loss",
    "perplexity",
    "bits_per_byte",
    "is_full_split",
    "sampled_loss",
    "sampled_perplexity",
    "sparsity",
)


def runs(matrix: Matrix) -> pandas.DataFrame:
    """Every planned run with its place on the axes, its numbers and its facts."""
    axes = sorted({name for run in matrix.runs for name in run.axes} - {"SEED"})
    twins = controls(matrix)
    rows = [
        _identity(run, matrix)
        # Only a study has them: the arm of the plain twin, empty where a run has none.
        | ({"control": twins.get(run.arm)} if twins else {})
        | {name: run.axes.get(name) for name in axes}
        | {name: run.number(name) for name in NUMBERS}
        | {name: run.fact(name) for name in FACTS}
        for run in matrix.runs
    ]
    return _frame(rows)


def curves(matrix: Matrix) -> pandas.DataFrame:
    """Every evaluation of every run, in step order."""
    rows = [
        {"run": printable(run.dir), "arm": run.arm, "seed": run.seed}
        | {name: row.get(name) for name in CURVE}
        for run in matrix.runs
        for row in run.evaluations
    ]
    return _frame(rows)


def budget_text(run: Run, matrix: Matrix) -> str:
    """ "the plan's", or why a row must not be compared with those: "not the same: +21%steps"."""
    return "the plan's" if run.budget == matrix.own_budget else f"not the same: {run.budget}"


def as_csv(frame: pandas.DataFrame) -> str:
    """The text of a file; lines end with a newline alone."""
    return frame.to_csv(index=False, lineterminator="\n")


def _frame(rows: list[dict[str, object]]) -> pandas.DataFrame:
    # Objects, because one missing count would turn a whole column of counts into floats.
    return pandas.DataFrame(rows, dtype=object)


def _identity(run: Run, matrix: Matrix) -> dict[str, object]:
    return {
        "run": printable(run.dir),
        "arm": run.arm,
        "seed": run.seed,
        "budget": budget_text(run, matrix),
        "state": run.state,
        "live": run.live,
        "reason": run.reason,
        "masked_dense": int(run.is_pruned),
    }
