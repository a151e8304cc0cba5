"""The page of a comparison: one file that opens anywhere, in the style of the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.files import write_atomic
from scripts.report import definitions, provenance
from scripts.report.appearance import looks
from scripts.report.columns import Column
from scripts.report.formats import DASH, MISSING, count, listing
from scripts.report.glance import at_a_glance
from scripts.report.load import Run, printable
from scripts.report.pictures import ARMS_DRAWN, Picture, curve_notes, draw_curves
from scripts.report.rendering import environment
from scripts.report.text import MASKED_DENSE

from . import PAGE_NAME
from .comparison import Comparison, architecture_name
from .text import is_marked, marks_mean

NAMES_IN_THE_TITLE = 4


@dataclass(frozen=True)
class Cell:
    """A number of the table as the page shows it."""

    text: str
    value: str
    """With all digits, for sorting and for tracing; empty where nothing was measured."""
    is_best: bool
    is_grey: bool
    is_masked_dense: bool


def write(comparison: Comparison, results: Path) -> Path:
    """Write compare.html into the results folder; returns its path. Raises OSError."""
    page = results / PAGE_NAME
    # Runs may lie elsewhere, and nothing here yet.
    results.mkdir(parents=True, exist_ok=True)
    template = environment().get_template("compare.html.j2")
    write_atomic(page, template.render(_content(comparison)))
    return page


def _content(comparison: Comparison) -> dict[str, Any]:
    runs, columns = comparison.runs, comparison.columns
    best = {column.key: comparison.best(column) for column in columns}
    return {
        "title": _title(comparison),
        "kicker": count(len(runs), "run"),
        "conditions": at_a_glance(comparison.done or runs, runs),
        "cautions": comparison.notes,
        "columns": columns,
        "rows": [
            (_row(run), [_cell(comparison, run, column, best[column.key]) for column in columns])
            for run in runs
        ],
        "marks": marks_mean(comparison) if any(best.values()) else "",
        "has_grey": any(map(comparison.is_grey, columns)) and len(comparison.done) > 1,
        "masked_dense": MASKED_DENSE,
        "has_masked_dense": any(is_marked(run, column) for run in runs for column in columns),
        "reports_rss": any(run.memory_kind == "rss" for run in comparison.done),
        "picture": _picture(comparison),
        "labels": [run.arm for run in runs],
        "options": comparison.options,
        "execution": comparison.execution,
        "unreadable": [run.arm for run in comparison.unreadable],
        "facts": provenance.facts(runs),
        "definitions": definitions.COMPARED,
        "dash": MISSING,
    }


def _title(comparison: Comparison) -> str:
    names = list(dict.fromkeys(run.arm.partition(" ")[2] for run in comparison.runs))
    if len(names) == 1:
        return f"{names[0]}: {count(len(comparison.runs), 'run')}"
    if len(names) > NAMES_IN_THE_TITLE:
        rest = len(names) - NAMES_IN_THE_TITLE + 1
        names = [*names[: NAMES_IN_THE_TITLE - 1], f"{rest} more"]
    return f"{listing(names)} side by side"


def _row(run: Run) -> dict[str, Any]:
    return {
        "run": run,
        "architecture": architecture_name(run) or DASH,
        "folder": printable(run.folder.name),
        "address": f"{quote(run.dir)}/summary.json",
    }


def _cell(comparison: Comparison, run: Run, column: Column, best: set[str]) -> Cell:
    value = comparison.value(run, column)
    if value is None:
        return Cell(MISSING, "", False, False, False)
    return Cell(
        text=column.format(value),
        value=repr(value),
        is_best=run.dir in best,
        is_grey=comparison.is_grey(column),
        is_masked_dense=is_marked(run, column),
    )


def _picture(comparison: Comparison) -> Picture | None:
    runs = comparison.runs[:ARMS_DRAWN]
    notes = ["The axis is logarithmic: equal distances are equal differences in loss."]
    if len(runs) < len(comparison.runs):
        notes.append(f"{len(runs)} of {len(comparison.runs)} runs are drawn: the first.")
    notes += curve_notes(comparison, runs)
    return draw_curves(runs, looks({run.arm: [run] for run in runs}, None), notes, per="run")
