"""Which figures a matrix has, of which arms, and what their captions must say."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import anatomy, curves, figures, formats, gate_figure, gates
from .appearance import Look, looks
from .comparable import Comparable
from .load import Run
from .scoreboard import Row, Scoreboard

NAMES = ("curves", "gates", "memory-device", "memory", "time", "sparsity")

_THICK = {
    True: "Thick lines are means over seeds, thin ones the seeds.",
    False: "Thick lines are means over seeds.",
}

ARMS_DRAWN = 40
"""In a figure at most; more would be a wall."""


@dataclass(frozen=True)
class Picture:
    """A figure: its files, and what it says to those who cannot see it."""

    name: str
    alt: str
    notes: list[str]
    """For the caption: what the drawing needs said, or leaves out."""
    wide: bytes
    narrow: bytes

    @property
    def wide_uri(self) -> str:
        return _data_uri(self.wide)

    @property
    def narrow_uri(self) -> str:
        return _data_uri(self.narrow)


def _drawn(board: Scoreboard) -> list[Row]:
    """The rows that figures show: all, or the baseline and those of lowest perplexity."""
    if len(board.rows) <= ARMS_DRAWN:
        return board.rows

    def rank(row: Row) -> tuple[bool, float]:
        mean = row.mean("perplexity")
        return not row.is_baseline, math.inf if mean is None else mean

    kept = {row.arm for row in sorted(board.rows, key=rank)[:ARMS_DRAWN]}
    return [row for row in board.rows if row.arm in kept]


def draw_all(board: Scoreboard) -> dict[str, Picture]:
    """The figures that have something to show, by name, in the order of the page."""
    matrix = board.matrix
    styles = looks({row.arm: row.runs for row in board.rows}, matrix.baseline)
    rows = _drawn(board)
    runs = [run for row in rows for run in row.runs]
    found: dict[str, Picture] = {}

    def add(
        name: str,
        alt: str,
        notes: Sequence[str],
        function: Callable[..., Any],
        data: Sequence[Any],
        *rest: Any,
    ) -> None:
        if data:
            wide = figures.draw(function, data, *rest, narrow=False)
            narrow = figures.draw(function, data, *rest, narrow=True)
            kept = [note for note in (_drawn_note(board), *notes) if note]
            assert name in NAMES, name
            found[name] = Picture(name, alt, kept, wide, narrow)

    if drawn := draw_curves(runs, styles, curve_notes(board, runs), per="arm"):
        found["curves"] = replace(drawn, notes=[n for n in (_drawn_note(board), *drawn.notes) if n])
    # Reading the rows of gates takes time, and other matrices have none.
    lines, short = gates.gate_curves(runs) if board.controls else ([], [])
    alt = "Effective gates and the contribution of their terms by optimizer step, per arm"
    add("gates", alt, _gate_notes(lines, short), gate_figure.gate_curves, lines, styles)
    for kind, name, label in (
        ("allocated", "memory-device", "MiB of device memory"),
        ("rss", "memory", "MiB of process memory"),
    ):
        bars = anatomy.memory_bars(rows, kind)
        alt = f"Where the {label} went, per arm"
        add(name, alt, _bar_notes(bars), figures.stacked_bars, bars, label)
    bars, unit = anatomy.time_bars(rows)
    label = f"wall time ({unit})"
    add("time", "Where the time went, per arm", _bar_notes(bars), figures.stacked_bars, bars, label)
    zeros = curves.sparsity_curves(runs)
    alt = "Sparsity over the optimizer steps, asked and realised, per arm"
    add("sparsity", alt, [], figures.sparsity_curves, zeros, styles)
    return found


def draw_curves(
    runs: Sequence[Run], styles: Mapping[str, Look], notes: list[str], per: str
) -> Picture | None:
    """Validation perplexity of the runs; None where none has evaluated. per: "arm", "run"."""
    lines = curves.evaluation_curves(runs)
    if not lines:
        return None
    alt = f"Validation perplexity by optimizer step, by tokens and by training time, per {per}"
    wide, narrow = (
        figures.draw(figures.perplexity_curves, lines, styles, narrow=narrow)
        for narrow in (False, True)
    )
    return Picture("curves", alt, notes, wide, narrow)


def _drawn_note(board: Scoreboard) -> str:
    other = "Arms of another budget are not drawn." if board.others else ""
    if len(board.rows) <= ARMS_DRAWN:
        return other
    lowest = "the baseline and the arms of lowest perplexity"
    return f"{ARMS_DRAWN} of {len(board.rows)} arms are drawn: {lowest}. {other}".strip()


def curve_notes(compared: Comparable, runs: Sequence[Run]) -> list[str]:
    """What the drawing of these runs needs said."""
    drawn = curves.evaluation_curves(runs)
    notes = []
    if len({run.arm for run in runs}) < len(runs):
        apart = len(drawn) <= figures.RUNS_DRAWN_APART
        notes.append(_THICK[apart])
    single = sorted({curve.arm for curve in drawn if len(curve.steps) == 1})
    if single:
        arms = formats.listing(single[:6])
        notes.append(f"A single evaluation, so a point and no curve: {arms}.")
    if any(len(set(curve.is_full)) > 1 for curve in drawn):
        notes.append(
            "Points that stand apart at the end are evaluations of the whole validation split; "
            "the lines join evaluations of a fixed part of it."
        )
    if any(curve.is_diverged for curve in drawn):
        notes.append("A cross ends a run that diverged.")
    absent = sorted({run.arm for run in runs} - {curve.arm for curve in drawn})
    if absent:
        notes.append(f"Without any evaluation: {formats.listing(absent[:6])}.")
    if not compared.is_one_machine:
        notes.append("The runs come from different machines: their times do not compare.")
    return notes


def _gate_notes(lines: Sequence[gates.GateCurve], short: Sequence[str]) -> list[str]:
    notes = []
    arms = [curve.arm for curve in lines]
    if len(set(arms)) < len(arms):
        apart = len(lines) <= figures.RUNS_DRAWN_APART
        notes.append(_THICK[apart])
    if short:
        notes.append(f"Fewer than two points in a panel, so no line there: {_first(short)}.")
    return notes


def _first(arms: Sequence[str]) -> str:
    return formats.listing(arms[:6])


def _bar_notes(bars: Sequence[anatomy.Bar]) -> list[str]:
    notes = []
    gaps = sorted({part for bar in bars for part in bar.missing})
    if gaps:
        where = "" if all(bar.missing for bar in bars) else " in some arms"
        notes.append(f"Not measured{where}, so not drawn apart: {formats.listing(gaps)}.")
    if any("rest" not in bar.parts for bar in bars):
        notes.append("No rest is drawn where the whole was not measured, or less than its parts.")
    return notes


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
