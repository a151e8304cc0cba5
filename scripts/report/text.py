"""The scoreboard as text, for people on ssh: ASCII of its own, no escape codes, any width.

Needs nothing beyond the standard library, so that it costs no import time.
"""

from collections.abc import Sequence

from .columns import MEMORY, TIME, Column
from .formats import MISSING, count, listing
from .refusals import refusals
from .scoreboard import Row, Scoreboard
from .statistics import Estimate
from .terminal import aligned, lines_of, table_width, wrapped

DAGGER = "#"
MASKED_DENSE = "masked-dense: pruned weights are stored and multiplied as zeros; no saving"

# The columns that go first when the terminal is narrow; method, effect, perplexity and status stay.
DROP_ORDER = (
    "masks", "scores", "tokens", "training_state", "bits_per_byte", "matmul_share", "mfu", "wall",
    "tokens_per_s", "loss",
    "optimizer_state", "step_ms", "peak_rss", "peak_allocated", "difference", "sparsity",
)  # fmt: skip

HEADINGS = {
    "sparsity": "sparsity", "perplexity": "perplexity", "loss": "loss", "difference": "- baseline",
    "effect": "- twin",
    "bits_per_byte": "bits/byte", "peak_rss": "peak RSS", "peak_allocated": "peak alloc",
    "optimizer_state": "opt state", "training_state": "w+g+state", "masks": "masks",
    "scores": "scores", "mfu": "MFU", "matmul_share": "of matmul",
    "tokens": "tokens", "step_ms": "step ms", "tokens_per_s": "tokens/s", "wall": "wall",
    "parameters": "parameters", "flops_per_token": "MFLOP/token", "attention_ratio": "attn/FFN",
}  # fmt: skip


_STACKED = ("perplexity", "loss", "effect", "sparsity")


def render(board: Scoreboard, width: int | None) -> str:
    """The scoreboard in at most `width` columns (None: as wide as it needs), then one for each
    other budget."""
    if not board.rows:
        return f"{board.matrix.id}: no runs are planned.\n"
    table, notes = _parts(board, width)
    lines = [*_header(board), "", *table, "", *notes]
    for other in board.others:
        table, further = _parts(other, width)
        # A note that stands already is not said again.
        further = [note for note in further if note not in notes]
        lines += ["", *not_the_same(other), "", *table, "", *further]
    return "\n".join(part for line in lines for part in wrapped(line, width)).rstrip() + "\n"


def not_the_same(board: Scoreboard) -> list[str]:
    """What must stand above the rows of another budget."""
    saw = f": {board.budget_text} per run" if board.budget_text else ""
    return [
        f"NOT THE SAME BUDGET ({board.budget}{saw})",
        "compared among themselves only; nothing above or in the verdict speaks of them",
    ]


def _parts(board: Scoreboard, width: int | None) -> tuple[list[str], list[str]]:
    """The table of one budget, and its notes."""
    keys = [column.key for column in board.columns]
    table = _table(board, keys)
    for key in DROP_ORDER:
        if width is None or table_width(table) <= width:
            break
        if key in keys:
            keys.remove(key)
            table = _table(board, keys)
    is_too_wide = width is not None and table_width(table) > width
    lines = _stacked(board, width) if is_too_wide else lines_of(table)
    return lines, _footnotes(board, keys)


def cell(estimate: Estimate, column: Column) -> str:
    """A number and what its runs allow to say of its spread, in ASCII."""
    if estimate.mean is None:
        return MISSING
    text = column.format(estimate.mean)
    return f"{text} {spread}" if (spread := spread_of(estimate, column)) else text


def spread_of(estimate: Estimate, column: Column) -> str:
    """ "+-0.0031" for three runs or more, "3.40 to 3.43" for two, "" for one."""
    if not column.shows_spread or estimate.bounds is None:
        return ""
    if estimate.half_width is not None:
        # With the decimals of the mean, so that the two can be read as one.
        decimals = len(column.format(estimate.mean).partition(".")[2])
        return f"+-{estimate.half_width:,.{decimals}f}"
    return " to ".join(column.format(bound) for bound in estimate.bounds)


def is_marked(row: Row, column: Column) -> bool:
    """Whether the number needs the label that masked-dense sparsity saves nothing."""
    return row.is_pruned and column.kind in (MEMORY, TIME) and row.cells[column.key].n > 0


def _header(board: Scoreboard) -> list[str]:
    totals = ", ".join(f"{n} {state}" for state, n in board.matrix.totals.items() if n)
    planned = sum(board.matrix.totals.values())
    lines = [f"{board.matrix.id}: {planned} planned: {totals}"]
    if board.is_by_time and board.is_one_budget:
        lines.append(f"budget: {board.budget_text} per run, for {board.tokens_text}")
    elif board.is_by_time:
        lines.append(f"MACHINES OR TIMES DIFFER ({board.budget_text}): arms are not ranked")
    elif len(board.budgets) == 1:
        lines.append(f"budget: {board.budget_text} per run")
    elif board.budgets:
        lines.append(f"BUDGETS DIFFER ({board.budget_text}): arms are not ranked")
    return lines


def _footnotes(board: Scoreboard, keys: Sequence[str]) -> list[str]:
    notes = []
    seeds = max((len(row.done) for row in board.rows), default=0)
    if seeds == 1:
        notes.append("one seed, no claim")
    elif seeds == 2:
        notes.append("two seeds: mean and range, no claim")
    elif seeds:
        notes.append("mean and 95 % t interval over seeds; differences paired by seed")
    if board.controls:
        notes += _study_notes(board, keys)
    if not board.is_own and (base := board.baseline):
        notes.append(f"differences are to {base.arm}")
    if board.done and not board.is_one_machine:
        machines = count(len(board.fingerprints), "hardware fingerprint")
        notes.append(f"{machines}: time and memory are not comparable between them")
    if board.shared_machine:
        notes.append("runs shared the machine: their times are not comparable")
    columns = [column for column in board.columns if column.key in keys]
    if any(is_marked(row, column) for row in board.rows for column in columns):
        notes.append(f"{DAGGER} {MASKED_DENSE}")
    return notes


def _study_notes(board: Scoreboard, keys: Sequence[str]) -> list[str]:
    """What the columns of a study mean, which twin is whose, and what is refused."""
    notes = []
    if "effect" in keys:
        notes.append("- twin: what a step adds, next to its plain twin of equal seed")
    if "difference" in keys:
        notes.append("- baseline: no effect, biases, initial weights and dropout are in it too")
    steps: dict[str, list[str]] = {}
    for row in board.rows:
        if row.control is not None:
            steps.setdefault(row.control, []).append(row.arm)
    if steps:
        texts = [f"{twin} of {listing(arms)}" for twin, arms in steps.items()]
        notes.append(f"twins: {'; '.join(texts)}")
    return notes + (refusals(board) if board.is_own else [])


def _table(board: Scoreboard, keys: Sequence[str]) -> list[list[str]]:
    """Rows of padded cells: the method first, the status last."""
    columns = [column for column in board.columns if column.key in keys]
    rows = [["method", *map(heading, columns), "done"]]
    for row in board.rows:
        cells = [_marked(row, column) for column in columns]
        rows.append([row.arm, *cells, row.status])
    return aligned(rows)


def heading(column: Column) -> str:
    """A column's title on a terminal, with its unit where that is not said otherwise."""
    has_unit = column.unit == "MiB" or column.key == "wall"
    return HEADINGS[column.key] + (f" {column.unit}" if has_unit else "")


def _marked(row: Row, column: Column) -> str:
    return cell(row.cells[column.key], column) + (DAGGER if is_marked(row, column) else "")


def _stacked(board: Scoreboard, width: int) -> list[str]:
    """For very narrow terminals: a block per method."""
    lines = []
    for row in board.rows:
        lines.append(row.arm)
        for column in board.columns:
            if column.key in _STACKED and row.cells[column.key].n:
                text = _marked(row, column)
                title = HEADINGS[column.key]
                fits = len(title) + len(text) + 3 <= width
                lines += [f"  {title} {text}"] if fits else [f"  {title}", f"  {text}"]
        lines.append(f"  done {row.status}")
    return lines
