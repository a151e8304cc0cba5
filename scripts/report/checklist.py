"""The twelve points of a fair comparison, each met or said to be missing.

Only what the files of this matrix prove counts as met.
"""

from dataclasses import dataclass

from .load import Run
from .scoreboard import Scoreboard
from .statistics import RUNS_FOR_AN_INTERVAL

EVALUATED_TOKENS = 10_000_000
"""For a loss to +-0.001."""


@dataclass(frozen=True)
class Point:
    """A point of the checklist."""

    name: str
    is_met: bool
    remark: str


def checklist(board: Scoreboard) -> list[Point]:
    """All twelve points, in the order of the text they come from."""
    done, rows = board.done, board.rows
    seeds = min((len(row.done) for row in rows), default=0)
    is_paired = len({tuple(run.seed for run in row.runs) for row in rows}) == 1
    evaluated = min((run.number("val_tokens") or 0 for run in done), default=0)
    pruned = [run for run in done if run.is_pruned]
    methods = {run.axes.get("PRUNING_METHOD") or "none" for run in board.runs}
    has_prices = _have(done, "time.step_ms_median", "time.optimizer_ms_median")
    has_memory = _have(done, *(f"memory.{p}_bytes" for p in ("weights", "gradients", "optimizer")))
    return [
        Point("Pairing", is_paired, "every arm has the same seeds"),
        Point(
            "Seeds",
            seeds >= RUNS_FOR_AN_INTERVAL,
            f"{seeds} finished in the arm that has fewest; 3 are needed, 5 below 0.01 nats",
        ),
        Point("Budgets", bool(done) and board.is_one_budget, _equal(board)),
        Point("Tuning ledger", False, "trials per arm are not recorded: arms may be undertuned"),
        Point(
            "Final full-validation loss",
            evaluated >= EVALUATED_TOKENS,
            f"at the end, on {evaluated:,.0f} fixed tokens; 10 million give +-0.001 nats",
        ),
        Point(
            "Sparsity from the weights",
            _have(pruned, "pruning.achieved_sparsity", "pruning.achieved_sparsity_all"),
            "asked and achieved, of the prunable and of all weights",
        ),
        Point(
            "Dense, random and magnitude arms",
            not pruned or {"none", "random", "magnitude"} <= methods,
            f"methods here: {', '.join(sorted(methods)) or 'none'}",
        ),
        Point("Memory", has_memory and _has_peak(done), "measured peak and computed parts"),
        Point("Time", has_prices, "median step after warm-up, optimizer apart"),
        Point("Negative rows", True, "every planned run is on this page, whatever its end"),
        Point("Masked-dense label", True, "beside the memory and time of every pruned arm"),
        Point(
            "Provenance",
            bool(done) and all(run.fact("git.sha") and run.fact("data.hash") for run in done),
            "commit, configuration, data hash, device and a command for every row",
        ),
    ]


def _equal(board: Scoreboard) -> str:
    budget = "seconds on one machine, one run at a time" if board.is_by_time else "tokens"
    return f"equal {budget}, data and evaluation"


def _have(runs: list[Run], *names: str) -> bool:
    return bool(runs) and all(run.number(name) is not None for run in runs for name in names)


def _has_peak(runs: list[Run]) -> bool:
    return all(run.peak(run.memory_kind) is not None for run in runs)
