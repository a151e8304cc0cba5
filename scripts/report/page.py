"""The page: everything the templates show, computed here; the templates only lay it out."""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from lib.files import write_atomic, write_atomic_bytes

from . import anatomy, curves, definitions, figures, formats, provenance, summary_csv, text
from .appearance import looks
from .checklist import checklist
from .load import Run, printable
from .scoreboard import MEMORY, TIME, Column, Row, Scoreboard
from .verdict import misses_target, verdict

TEMPLATES = Path(__file__).parent / "templates"
BARS = 40
"""Arms drawn in a bar chart at most; more would be a wall."""


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


@dataclass(frozen=True)
class Picture:
    """A figure: its files, and what it says to those who cannot see it."""

    name: str
    alt: str
    wide: bytes
    narrow: bytes

    @property
    def wide_uri(self) -> str:
        return _data_uri(self.wide)

    @property
    def narrow_uri(self) -> str:
        return _data_uri(self.narrow)


def write(board: Scoreboard) -> Path:
    """Write the whole report of a matrix; returns the path of report.html."""
    folder = board.matrix.folder / "report"
    folder.mkdir(exist_ok=True)
    pictures = _pictures(board)
    content = _content(board, pictures)
    for picture in pictures.values():
        write_atomic_bytes(folder / f"{picture.name}.svg", picture.wide)
    environment = _environment()
    write_atomic(folder / "summary.csv", summary_csv.render(board))
    write_atomic(folder / "report.md", environment.get_template("report.md.j2").render(content))
    page = folder / "report.html"
    # Last, so that a page that exists belongs to the files beside it.
    write_atomic(page, environment.get_template("report.html.j2").render(content))
    for path in folder.glob("*.svg"):
        if path.stem not in pictures:
            path.unlink()
    return page


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _breakable,
        "cell": _markdown_cell,
        "count": formats.count,
        "listing": formats.listing,
        "nice": formats.typographic,
        "plain": _plain_line,
        "prose": formats.prose,
    }
    return environment


def _content(board: Scoreboard, pictures: dict[str, Picture]) -> dict[str, Any]:
    matrix = board.matrix
    symbols, unreadable = provenance.differing_symbols(matrix)
    done = board.done
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
        "caption": _caption(board),
        "spread_note": _spread_note(board),
        "masked_dense": text.MASKED_DENSE,
        "has_masked_dense": any(row.is_pruned and row.done for row in board.rows),
        "parity": provenance.parity(matrix),
        "run_rows": [_run_row(board, run) for run in matrix.runs],
        "pictures": pictures,
        "curve_notes": _curve_notes(board),
        "memory_notes": _bar_notes(_memory_bars(board), "rest"),
        "time_notes": _bar_notes(anatomy.time_bars(board.rows)[0], "rest"),
        "sparsity_rows": _sparsity_rows(board),
        "unfinished": [run for run in matrix.runs if not run.is_done],
        "skipped": [_combination(entry, "reason") for entry in matrix.skipped],
        "merged": [_combination(entry, "same_as") for entry in matrix.merged],
        "facts": provenance.facts(matrix),
        "symbols": symbols,
        "unreadable": unreadable,
        "commands": [(run, provenance.command(matrix, run)) for run in matrix.runs],
        "checklist": checklist(board),
        "definitions": definitions.DEFINITIONS,
        "reports_rss": any(run.memory_kind == "rss" for run in done),
        "planned": sum(matrix.totals.values()),
        "dash": formats.MISSING,
    }


def _cells(board: Scoreboard, row: Row) -> list[Cell]:
    return [_cell(board, row, column) for column in board.columns]


def _cell(board: Scoreboard, row: Row, column: Column) -> Cell:
    estimate = row.cells[column.key]
    if estimate.mean is None:
        return Cell(formats.MISSING, "", "", "not measured", False, False, False)
    values = ", ".join(map(repr, estimate.values))
    return Cell(
        text=column.format(estimate.mean),
        spread=text.spread_of(estimate, column),
        value=repr(estimate.mean),
        title=f"{column.source}; n = {estimate.n}: {values}",
        is_best=board.is_best(row, column),
        is_masked_dense=text.is_marked(row, column),
        is_grey=column.kind in (MEMORY, TIME) and not board.is_one_machine,
    )


def _run_row(board: Scoreboard, run: Run) -> dict[str, Any]:
    cells = []
    for column in board.columns:
        if column.key != "difference":
            value = column.read(run)
            shown = formats.MISSING if value is None else column.format(value)
            cells.append((shown, "" if value is None else repr(value)))
    # From the report's own folder, which is two below results/matrices.
    return {"run": run, "link": f"../../../{run.dir}/", "cells": cells}


def _conditions(board: Scoreboard) -> list[tuple[str, str]]:
    """The few facts that a reader needs before any number."""
    runs = board.done or list(board.matrix.runs)
    facts = {
        "Model": {run.summary.get("model") for run in runs},
        "Data": {run.summary.get("dataset") for run in runs},
        "Device": {run.fact("hardware.device_name") for run in runs},
        "Budget": {
            f"{formats.whole(tokens)} tokens"
            for run in runs
            if (tokens := run.number("tokens") or run.planned_tokens) is not None
        },
        "Seeds": {str(run.seed) for run in board.matrix.runs},
    }
    shown = []
    for name, values in facts.items():
        words = sorted(printable(str(value)) for value in values if value)
        if words:
            many = f"{words[0]} to {words[-1]} ({len(words)})" if name == "Seeds" else None
            joined = many if many and len(words) > 3 else ", ".join(words[:4])
            shown.append((name, joined if many or len(words) <= 4 else f"{joined}, ..."))
    totals = board.matrix.totals
    states = [f"{number} {state}" for state, number in totals.items() if number]
    return [*shown, ("Runs", f"{sum(totals.values())} planned: {', '.join(states) or 'none'}")]


def _caption(board: Scoreboard) -> str:
    if not board.done:
        return "No finished run yet."
    if not board.is_one_budget:
        budgets = " / ".join(map(formats.whole, board.budgets)) or "unknown"
        return f"Budgets or data differ ({budgets} tokens per run): no ranking."
    if not board.budgets:
        return "Budget: the tokens seen were not recorded."
    return f"Budget: {formats.whole(board.budgets[0])} tokens per run, equal in all finished runs."


def _spread_note(board: Scoreboard) -> str:
    seeds = max((len(row.done) for row in board.rows), default=0)
    if seeds <= 1:
        return "One seed: the values themselves, no claim, nothing in bold."
    if seeds == 2:
        return "Two seeds: mean and range, no claim, nothing in bold."
    return (
        "Means over finished seeds with the half-width of the 95 % t interval. Bold: every planned "
        "seed finished and the paired 95 % interval against each other arm is on the good side."
    )


def _memory_bars(board: Scoreboard) -> list[anatomy.Bar]:
    return [bar for kind in ("allocated", "rss") for bar in anatomy.memory_bars(board.rows, kind)]


def _pictures(board: Scoreboard) -> dict[str, Picture]:
    """The figures that have something to show, by name."""
    matrix = board.matrix
    styles = looks(matrix.arms, matrix.baseline)
    wanted: list[tuple[str, str, Callable[..., Any], Sequence[Any], Sequence[Any]]] = []
    lines = curves.evaluation_curves(matrix.runs)
    alt = "Validation perplexity by optimizer step, by tokens and by training time, per arm"
    wanted.append(("curves", alt, figures.perplexity_curves, lines, (styles,)))
    for kind, name in (("rss", "memory"), ("allocated", "memory-device")):
        bars = anatomy.memory_bars(board.rows, kind)[:BARS]
        label = "MiB of process memory" if kind == "rss" else "MiB of device memory"
        alt = f"Where the {label} went, per arm"
        wanted.append((name, alt, figures.stacked_bars, bars, (label,)))
    bars, unit = anatomy.time_bars(board.rows)
    alt = "Where the time went, per arm"
    wanted.append(("time", alt, figures.stacked_bars, bars[:BARS], (f"wall time ({unit})",)))
    zeros = curves.sparsity_curves(matrix.runs)
    alt = "Sparsity over the optimizer steps, asked and realised, per arm"
    wanted.append(("sparsity", alt, figures.sparsity_curves, zeros, (styles,)))
    return {
        name: Picture(
            name,
            alt,
            figures.draw(function, data, *rest, narrow=False),
            figures.draw(function, data, *rest, narrow=True),
        )
        for name, alt, function, data, rest in wanted
        if data
    }


def _curve_notes(board: Scoreboard) -> list[str]:
    runs = board.matrix.runs
    drawn = {curve.arm: curve for curve in curves.evaluation_curves(runs)}
    notes = []
    if any(len(arm) > 1 for arm in board.matrix.arms.values()):
        notes.append("Thin lines are seeds, thick ones their mean.")
    single = sorted({curve.arm for curve in drawn.values() if len(curve.steps) == 1})
    if single:
        arms = formats.listing(single[:6])
        notes.append(f"A single evaluation, so a point and no curve: {arms}.")
    if any(len(set(curve.is_full)) > 1 for curve in drawn.values()):
        notes.append(
            "Points that stand apart at the end are evaluations of the whole validation split; "
            "the lines join evaluations of a fixed part of it."
        )
    if any(run.state == "diverged" for run in runs):
        notes.append("A cross ends a run that diverged.")
    absent = [arm for arm in board.matrix.arms if arm not in drawn]
    if absent and drawn:
        notes.append(f"Without any evaluation: {formats.listing(absent[:6])}.")
    if not board.is_one_machine:
        notes.append("The runs come from different machines: their times do not compare.")
    return notes


def _bar_notes(bars: Sequence[anatomy.Bar], rest: str) -> list[str]:
    notes = []
    if len(bars) > BARS:
        notes.append(f"The first {BARS} of {len(bars)} arms are drawn.")
    gaps = sorted({part for bar in bars for part in bar.missing})
    if gaps:
        notes.append(f"Not measured in some arms, so not drawn: {formats.listing(gaps)}.")
    if any(rest not in bar.parts for bar in bars):
        notes.append("Where no rest is drawn, the whole or one of its parts was not measured.")
    return notes


def _sparsity_rows(board: Scoreboard) -> list[dict[str, Any]]:
    rows = []
    for row in board.rows:
        if not (row.is_pruned and row.done):
            continue
        first = row.done[0]
        tensors = first.summary.get("pruning", {}).get("per_tensor") or {}
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


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _breakable(name: str) -> Markup:
    """The name of an arm, which may go on in a new line after its optimizer."""
    return escape(name).replace("+", Markup("+<wbr>"))


def _markdown_cell(value: object) -> Markup:
    """Text that can break neither out of a Markdown table cell nor into HTML."""
    escaped = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for character in "\\|`*_[]":
        escaped = escaped.replace(character, "\\" + character)
    return Markup(escaped)  # noqa: S704


def _plain_line(value: object) -> Markup:
    """A line of an indented code block, where nothing is interpreted."""
    return Markup(printable(str(value)))  # noqa: S704
