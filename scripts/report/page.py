"""The page: everything the templates show, computed here; the templates only lay it out."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.files import write_atomic, write_atomic_bytes

from . import definitions, formats, frames, gates, pictures, provenance, text
from .checklist import checklist
from .columns import MEMORY, TIME, Column
from .glance import at_a_glance
from .load import Run, find, printable
from .rendering import environment
from .scoreboard import Row, Scoreboard
from .verdict import misses_target, verdict

CONFOUNDED_NOTE = (
    "Loss - twin is the effect of a step. Loss - baseline is none: the biases, the initial weights "
    "and the dropout of a step differ from the baseline's, and are in it too."
)


@dataclass(frozen=True)
class Cell:
    """A number of the scoreboard as the page shows it."""

    text: str
    spread: str
    value: str
    """With all digits, for sorting and for tracing; empty where nothing was measured."""
    title: str
    is_best: bool
    is_masked_dense: bool
    is_grey: bool


def write(board: Scoreboard, folder: Path | None = None, reference: str | None = None) -> Path:
    """Write the whole report of a matrix; returns the path of report.html.

    folder: instead of the matrix's own; reference: its name below results/reference, where it is
    published without the folders of its runs.
    """
    folder = folder or board.matrix.folder / "report"
    folder.mkdir(exist_ok=True)
    drawn = pictures.draw_all(board)
    content = _content(board, drawn, reference)
    for picture in drawn.values():
        write_atomic_bytes(folder / f"{picture.name}.svg", picture.wide)
    templates = environment()
    write_atomic(folder / "summary.csv", frames.as_csv(frames.runs(board.matrix)))
    write_atomic(folder / "curves.csv", frames.as_csv(frames.curves(board.matrix)))
    write_atomic(folder / "report.md", templates.get_template("report.md.j2").render(content))
    page = folder / "report.html"
    # Last, so that a page that exists belongs to the files beside it.
    write_atomic(page, templates.get_template("report.html.j2").render(content))
    for name in pictures.NAMES:
        if name not in drawn:
            # Of an earlier report, and of nothing that is on the page now.
            (folder / f"{name}.svg").unlink(missing_ok=True)
    return page


def _content(
    board: Scoreboard, drawn: dict[str, pictures.Picture], reference: str | None
) -> dict[str, Any]:
    matrix = board.matrix
    symbols, unreadable = provenance.differing_symbols(matrix.runs)
    return {
        "matrix": matrix,
        "board": board,
        "created": printable(str(matrix.plan.get("created") or "")),
        "command": printable(str(matrix.plan.get("command") or "make")),
        "config_from": printable(str(matrix.plan.get("config_from") or "")),
        "verdict": verdict(board),
        "conditions": _conditions(board),
        "columns": board.columns,
        "rows": [(row, _cells(board, row)) for row in board.rows],
        "others": [_other_budget(other) for other in board.others],
        "caption": _caption(board),
        "spread_note": _spread_note(board),
        "masked_dense": text.MASKED_DENSE,
        "has_masked_dense": any(run.is_pruned and run.is_done for run in matrix.runs),
        "parity": provenance.parity(matrix),
        "run_rows": [_run_row(board, run) for run in matrix.runs],
        "pictures": drawn,
        "confounded_note": CONFOUNDED_NOTE,
        "gates_caption": gates.CAPTION,
        "awakenings": gates.awakenings(
            row for each in (board, *board.others) for row in each.rows if row.is_step
        ),
        "sparsity_rows": _sparsity_rows(board),
        "unfinished": [run for run in matrix.runs if not run.is_done],
        "skipped": [_combination(entry, "reason") for entry in matrix.skipped],
        "merged": [_combination(entry, "same_as") for entry in matrix.merged],
        "facts": provenance.facts(matrix.runs),
        "symbols": symbols,
        "unreadable": unreadable,
        "commands": provenance.commands(matrix, reference),
        "checklist": checklist(board),
        "definitions": definitions.of_a_matrix(has_controls=bool(board.controls)),
        "reports_rss": any(run.memory_kind == "rss" for run in matrix.runs if run.is_done),
        "planned": sum(matrix.totals.values()),
        "dash": formats.MISSING,
    }


def _other_budget(board: Scoreboard) -> dict[str, Any]:
    """A table of runs that are not compared with the plan's own."""
    steps = {run.number("steps") or run.planned_steps for run in board.runs} - {None}
    if board.is_by_time:
        saw = [board.budget_text, board.tokens_text]
    else:
        saw = [f"{formats.whole(tokens)} tokens" for tokens in board.budgets]
    saw += [f"{formats.whole(number)} steps" for number in steps if len(steps) == 1]
    base = board.baseline
    return {
        "budget": board.budget,
        "saw": " in ".join(saw) if len(board.budgets) == len(steps) == 1 else ", ".join(saw),
        "baseline": base.arm if base else None,
        "note": _spread_note(board),
        "rows": [(row, _cells(board, row)) for row in board.rows],
    }


def _cells(board: Scoreboard, row: Row) -> list[Cell]:
    return [_cell(board, row, column) for column in board.columns]


def _cell(board: Scoreboard, row: Row, column: Column) -> Cell:
    estimate = row.cells[column.key]
    if estimate.mean is None:
        missing = "refused: no plain twin" if column.is_paired and row.lacking else "not measured"
        return Cell(formats.MISSING, "", "", missing, False, False, False)
    values = ", ".join(map(repr, estimate.values))
    return Cell(
        text=column.format(estimate.mean),
        spread=text.spread_of(estimate, column),
        value=repr(estimate.mean),
        title=f"{column.source}{_twin(row, column)}; n = {estimate.n}: {values}",
        is_best=board.is_best(row, column),
        is_masked_dense=text.is_marked(row, column),
        is_grey=column.kind in (MEMORY, TIME) and not board.is_one_machine,
    )


def _twin(row: Row, column: Column) -> str:
    return f" {row.control}" if column.key == "effect" else ""


def _run_row(board: Scoreboard, run: Run) -> dict[str, Any]:
    cells = []
    for column in board.columns:
        if not column.is_paired:
            # Half-way numbers of a run that did not end are in summary.csv, with their step.
            value = column.read(run) if run.is_done else None
            shown = formats.MISSING if value is None else column.format(value)
            cells.append((shown, "" if value is None else repr(value)))
    return {"run": run, "cells": cells}


def _conditions(board: Scoreboard) -> list[tuple[str, str]]:
    shown = at_a_glance(board.done or board.runs, board.matrix.runs)
    totals = board.matrix.totals
    states = [f"{number} {state}" for state, number in totals.items() if number]
    return [*shown, ("Runs", f"{sum(totals.values())} planned: {', '.join(states) or 'none'}")]


def _caption(board: Scoreboard) -> str:
    if not board.done:
        return "No finished run yet."
    if not board.is_one_budget:
        what = "Machines, times" if board.is_by_time else "Budgets"
        amount = board.budget_text or "unknown tokens"
        return f"{what} or data differ ({amount} per run): no ranking."
    if not board.budgets:
        return "Budget: the tokens seen were not recorded."
    if board.is_by_time:
        return f"Budget: {board.budget_text} per run on one machine, for {board.tokens_text}."
    return f"Budget: {board.budget_text} per run, equal in all finished runs."


def _spread_note(board: Scoreboard) -> str:
    seeds = max((len(row.done) for row in board.rows), default=0)
    if seeds == 0:
        return ""
    if seeds == 1:
        return "One seed: the values themselves, no claim, nothing in bold."
    if seeds == 2:
        return "Two seeds: mean and range, no claim, nothing in bold."
    start = "Means over finished seeds with the half-width of the 95 % t interval. "
    if board.controls and board.is_own:
        return (
            f"{start}Bold effects: every planned seed finished, and the interval lies below zero. "
            "Losses are not ranked, since arms differ in biases, initial weights and dropout."
        )
    return start + (
        "Bold: every planned seed finished and the paired 95 % interval against each other arm "
        "is on the good side."
        if board.is_own
        else "Nothing is bold here."
    )


def _sparsity_rows(board: Scoreboard) -> list[dict[str, Any]]:
    rows = []
    for row in [*board.rows, *(row for other in board.others for row in other.rows)]:
        if not (row.is_pruned and row.done):
            continue
        first = row.done[0]
        tensors = find(first.summary, "pruning.per_tensor")
        tensors = tensors if isinstance(tensors, dict) else {}
        rows.append(
            {
                "row": row,
                "asked": _share(row, "pruning.target_sparsity"),
                "prunable": _share(row, "pruning.achieved_sparsity"),
                "all": _share(row, "pruning.achieved_sparsity_all"),
                "is_missed": any(map(misses_target, row.done)),
                "seed": first.seed,
                "tensors": [(printable(name), _tensor_share(v)) for name, v in tensors.items()],
            }
        )
    return rows


def _share(row: Row, name: str) -> str:
    values = [run.number(name) for run in row.done]
    known = [value for value in values if value is not None]
    return f"{100 * math.fsum(known) / len(known):.2f} %" if known else formats.MISSING


def _tensor_share(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{100 * value:.2f} %" if is_number else formats.MISSING


def _combination(entry: dict[str, Any], reason: str) -> tuple[str, str]:
    axes = entry.get("axes") or {}
    words = [f"{name}={value}" for name, value in axes.items() if value is not None]
    return printable(", ".join(words)), printable(str(entry.get(reason) or ""))
