"""What the gates of the reciprocal attention study did: lines for a figure, and when they woke up.

A gate's value alone means nothing, since weights rescale freely; beside it stands how large the
reciprocal term was next to the standard one on the same text. Rows: docs/results.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.metrics import read_metrics

from . import formats
from .curves import is_finite
from .load import Run, find
from .scoreboard import Row
from .statistics import Estimate
from .study import step_of

FORCED = "forced"
REASONS = {
    "delay": "as planned",
    "steady": "the loss was steady",
    FORCED: "forced: a quarter of the run was over",
}
POINTS_FOR_A_LINE = 2

CAPTION = (
    "A gate alone means nothing: weights rescale freely, so another gate with other weights is the "
    "same function. What it contributes is the norm of the reciprocal term over that of the "
    "standard one on the same validation text, mean over layers."
)


def _mean_gate(row: Mapping[str, Any]) -> float | None:
    return _number(find(row, "w_eff.mean"))


def _mean_contribution(row: Mapping[str, Any]) -> float | None:
    """Over the layers; None where one of them is not known."""
    layers = row.get("contribution")
    if not isinstance(layers, list) or not layers or None in map(_number, layers):
        return None
    return Estimate(tuple(layers)).mean


def _number(value: Any) -> float | None:
    return value if is_finite(value) else None


@dataclass(frozen=True)
class Panel:
    """One drawing: which rows it is made of."""

    kind: str
    """Of the rows in metrics.jsonl."""
    title: str
    y_label: str
    read: Callable[[Mapping[str, Any]], float | None]


VALUE, TERM = "effective gate w_eff, mean", "reciprocal / standard term"
PANELS = (
    Panel("ra_gate", "attention: the gate", VALUE, _mean_gate),
    Panel("ra_gate_detail", "attention: what it contributes", TERM, _mean_contribution),
    Panel("rmlp_gate", "MLP: the gate", VALUE, _mean_gate),
    Panel("rmlp_gate_detail", "MLP: what it contributes", TERM, _mean_contribution),
)
ACTIVATION = "activation"
_KINDS = (*(panel.kind for panel in PANELS), ACTIVATION)


@dataclass(frozen=True)
class GateCurve:
    """A run over its optimizer steps."""

    arm: str
    is_done: bool
    points: Mapping[str, tuple[tuple[int, float], ...]]
    """(step, value) by the kind of a panel: at least two where there is a line at all."""
    woken_at: int | None
    """The optimizer step after which it woke up; None for one that was always awake."""


def gate_curves(runs: Iterable[Run]) -> tuple[list[GateCurve], list[str]]:
    """The runs that have a line in some panel, and the arms with too few points for one."""
    curves, short = [], []
    for run in runs:
        rows = read_metrics(run.folder / "metrics.jsonl", kinds=_KINDS)
        points = {panel.kind: _points(rows, panel) for panel in PANELS}
        lines = {kind: p for kind, p in points.items() if len(p) >= POINTS_FOR_A_LINE}
        woken = [int(row["step"]) for row in rows if row["kind"] == ACTIVATION]
        if lines:
            curves.append(GateCurve(run.arm, run.is_done, lines, woken[-1] if woken else None))
        if any(points[kind] and kind not in lines for kind in points):
            short.append(run.arm)
    return curves, list(dict.fromkeys(short))


def _points(rows: Sequence[dict[str, Any]], panel: Panel) -> tuple[tuple[int, float], ...]:
    of_kind = [(row["step"], panel.read(row)) for row in rows if row["kind"] == panel.kind]
    return tuple((step, value) for step, value in of_kind if value is not None)


@dataclass(frozen=True)
class Awakening:
    """A row of the table: when an arm woke up, and what its cache kept."""

    arm: str
    woken: str
    reason: str
    is_forced: bool
    kept: str


def awakenings(rows: Iterable[Row]) -> list[Awakening]:
    """Of the arms with finished runs that waited, or that evict."""
    found = []
    for row in rows:
        waited = [run for run in row.done if find(run.summary, _POLICY) not in (None, "none")]
        kept = [k for run in row.done if (k := run.number("reciprocal.ra_gate.kept.mean"))]
        if waited or kept:
            found.append(
                Awakening(
                    arm=row.arm,
                    woken=formats.listing(_different(run.number(_WOKEN) for run in waited)),
                    reason=formats.listing(_different(map(_reason, waited))),
                    is_forced=was_forced(waited),
                    kept=_kept(row, kept),
                )
            )
    return found


_POLICY, _WOKEN, _REASON = (
    f"reciprocal.activation.{name}" for name in ("policy", "woken_at", "reason")
)


def was_forced(runs: Iterable[Run]) -> bool:
    """Whether a run woke up because it was late, and not by the rule of its step."""
    return any(find(run.summary, _REASON) == FORCED for run in runs)


def _reason(run: Run) -> str:
    reason = find(run.summary, _REASON)
    return REASONS.get(reason, formats.MISSING) if isinstance(reason, str) else formats.MISSING


def _different(values: Iterable[Any]) -> list[str]:
    """Each value once, in order of seed; one that was not recorded is a dash."""
    texts = [formats.MISSING if value is None else str(value) for value in values]
    return list(dict.fromkeys(texts)) or [formats.MISSING]


def _kept(row: Row, means: Sequence[float]) -> str:
    step = step_of(row.arm)
    if not means or (step is not None and step.eviction == "none"):
        return formats.MISSING
    return formats.share(Estimate(tuple(means)).mean)
