"""The figures, one function each, as SVG bytes that are the same on every rerun.

Each is drawn twice, for wide pages and for phones (panels below each other), because text shrunk
to a third cannot be read. Only measured values are drawn; the captions say what is missing.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .anatomy import Bar
from .appearance import INK, PAPER, PARTS, SETTINGS, Look, dark_rules, drawable
from .axes import (
    ROUND,
    counting_x,
    legend_below,
    legend_height_in,
    logarithmic_y,
    time_x,
)
from .curves import Curve

WIDE_IN, NARROW_IN = 10.2, 4.6
POINTS_WITH_MARKERS = 12
ZOOM_SHARE = 0.25
"""The last quarter of the training gets a panel of its own: there the arms differ."""

# Not all points of long curves, and with many runs only the means: a page must stay small.
POINTS_PER_CURVE = 200
RUNS_DRAWN_APART = 60

# Hundredths of a point are enough; matplotlib writes millionths. Not in transforms, which scale.
COORDINATES = re.compile(rb' (?:d|x|y)="[^"]*"')
LONG_NUMBER = re.compile(rb"(\.\d\d)\d+")


def _rounded(attribute: re.Match[bytes]) -> bytes:
    return LONG_NUMBER.sub(rb"\1", attribute.group())


def draw(function: Callable[..., Figure], *arguments: Any, narrow: bool) -> bytes:
    """Call one of the functions below under our style and return its SVG."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **SETTINGS}):
        figure = function(*arguments, narrow=narrow)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue().replace(b"<defs>", dark_rules().encode() + b"<defs>", 1)
    return COORDINATES.sub(_rounded, svg)


def perplexity_curves(
    curves: Sequence[Curve], looks: Mapping[str, Look], *, narrow: bool
) -> Figure:
    """Validation perplexity by step, tokens and training time, and its end enlarged."""
    by_x = {
        "optimizer steps": lambda curve: curve.steps,
        "tokens": lambda curve: curve.tokens,
        "training time": lambda curve: curve.seconds,
    }
    zoom = _zoom_limits(curves)
    legend_in = legend_height_in(list(dict.fromkeys(curve.arm for curve in curves)), narrow)
    if narrow:
        panels = len(by_x) + bool(zoom)
        figure = Figure(figsize=(NARROW_IN, 2.5 * panels + legend_in), layout="constrained")
        axes = list(figure.subplots(panels, 1))
        full, last = axes[:3], axes[3:]
    else:
        size = (WIDE_IN, (5.4 if zoom else 3.0) + legend_in)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(2 if zoom else 1, 3)
        full = [figure.add_subplot(grid[0, 0])]
        full += [figure.add_subplot(grid[0, k], sharey=full[0]) for k in (1, 2)]
        last = [figure.add_subplot(grid[1, :])] if zoom else []
    for panel, (label, read) in zip(full, by_x.items(), strict=True):
        _lines(panel, curves, looks, read)
        panel.set_xlim(0, 1.03 * max(max(read(curve)) for curve in curves) or 1)
        panel.set_xlabel(label)
    time_x(full[2])
    for panel in full[:2]:
        counting_x(panel)
    lowest = min(min(curve.perplexities) for curve in curves)
    highest = max(max(curve.perplexities) for curve in curves)
    for panel in full:
        logarithmic_y(panel, lowest, highest)
        if narrow or panel is full[0]:
            panel.set_ylabel("validation perplexity")
        else:
            panel.tick_params(labelleft=False)
    for panel in last:
        _lines(panel, curves, looks, by_x["optimizer steps"])
        left, right, low, high = zoom
        panel.set_xlim(left, right)
        logarithmic_y(panel, low, high)
        counting_x(panel)
        panel.set_xlabel("optimizer steps")
        panel.set_ylabel("validation perplexity")
        panel.set_title("the last quarter, enlarged")
    legend_below(figure, full[0], narrow)
    return figure


def sparsity_curves(curves: Sequence[Curve], looks: Mapping[str, Look], *, narrow: bool) -> Figure:
    """Sparsity of the prunable weights over the steps: realised (lines) and asked (dots)."""
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    size = (NARROW_IN if narrow else WIDE_IN, 2.8 + legend_height_in([*arms, "asked"], narrow))
    figure = Figure(figsize=size, layout="constrained")
    panel = figure.subplots()
    if len(curves) > RUNS_DRAWN_APART:
        curves = [curve for curve in curves if curve.is_first]
    for curve in curves:
        # Arms of one schedule coincide: the later ones are thinner, so that each can be seen.
        width = 1.3 + 1.5 * min(5, len(arms) - 1 - arms.index(curve.arm))
        panel.plot(
            curve.realised_steps, _percent(curve.realised), color=looks[curve.arm].colour,
            lw=width, drawstyle="steps-post", label=drawable(curve.arm) if curve.is_first else None,
        )  # fmt: skip
    for curve in curves:
        label = "asked" if curve is curves[-1] else None
        panel.plot(curve.prune_steps, _percent(curve.asked), ".", ms=4, color=INK, label=label)
    panel.set_ylim(bottom=0)
    panel.set_xlim(left=0)
    counting_x(panel)
    panel.set_xlabel("optimizer steps")
    panel.set_ylabel("zeros, % of prunable weights")
    legend_below(figure, panel, narrow)
    return figure


def stacked_bars(bars: Sequence[Bar], x_label: str, *, narrow: bool) -> Figure:
    """A horizontal bar per arm, its parts stacked; the sum stands at the end of each bar."""
    height = 0.26 * len(bars) * (2 if narrow else 1) + 1.15
    figure = Figure(figsize=(NARROW_IN if narrow else WIDE_IN, height), layout="constrained")
    panel = figure.subplots()
    parts = [name for name in PARTS if any(name in bar.parts for bar in bars)]
    longest = max(sum(bar.parts.values()) for bar in bars)
    lefts = [0.0] * len(bars)
    for name in parts:
        widths = [bar.parts.get(name, 0.0) for bar in bars]
        panel.barh(
            range(len(bars)), widths, left=lefts, label=name, height=0.5 if narrow else 0.62,
            color=PARTS[name], edgecolor=PAPER, linewidth=0.5,
        )  # fmt: skip
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    for y, (bar, end) in enumerate(zip(bars, lefts, strict=True)):
        panel.text(end + 0.01 * longest, y, bar.total_text, va="center", fontsize=8)
    if narrow:
        # Beside the bars long names would leave no room for them.
        panel.set_yticks([])
        for y, bar in enumerate(bars):
            panel.text(0, y - 0.29, drawable(bar.arm), va="bottom", fontsize=8)
    else:
        panel.set_yticks(range(len(bars)), [drawable(bar.arm) for bar in bars])
        panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    panel.set_ylim(len(bars) - 0.4, -0.95 if narrow else -0.6)
    panel.set_xlim(0, longest * (1.22 if narrow else 1.1))
    panel.xaxis.set_major_locator(MaxNLocator(5 if narrow else 8, steps=ROUND))
    panel.set_xlabel(x_label)
    figure.legend(
        *panel.get_legend_handles_labels(), loc="outside upper left",
        ncols=3 if narrow else len(parts), handlelength=1.0, columnspacing=1.2,
    )  # fmt: skip
    return figure


def _lines(
    panel: Axes,
    curves: Sequence[Curve],
    looks: Mapping[str, Look],
    read: Callable[[Curve], Sequence[float]],
) -> None:
    """A thin line per run and, where an arm has several that match, a thick one for their mean."""
    arms: dict[str, list[Curve]] = {}
    for curve in curves:
        arms.setdefault(curve.arm, []).append(curve)
    for arm, runs in arms.items():
        look = looks[arm]
        whole = [curve for curve in runs if curve.is_done]
        has_mean = len(whole) > 1 and len({(curve.steps, curve.is_full) for curve in whole}) == 1
        for curve in runs:
            x, y = read(curve), curve.perplexities
            if not (has_mean and curve.is_done and len(curves) > RUNS_DRAWN_APART):
                _line(panel, x, y, curve.is_full, look, is_one_of_many=len(runs) > 1)
            if curve.is_diverged:
                panel.plot(x[-1:], y[-1:], "X", ms=8, color=look.colour, mec=PAPER, zorder=5)
        if has_mean:
            x = [math.fsum(values) / len(whole) for values in zip(*map(read, whole), strict=True)]
            rows = zip(*(curve.perplexities for curve in whole), strict=True)
            y = [math.fsum(values) / len(whole) for values in rows]
            _line(panel, x, y, whole[0].is_full, look, is_one_of_many=False)
        panel.plot([], [], label=drawable(arm), marker=look.marker, color=look.colour, ls=look.line)


def _line(
    panel: Axes,
    x: Sequence[float],
    y: Sequence[float],
    is_full: Sequence[bool],
    look: Look,
    *,
    is_one_of_many: bool,
) -> None:
    """A line through comparable evaluations. The whole split is another quantity than a few
    windows of it: where a curve has both, the former stand apart, as points."""
    points = range(len(x))
    joined = [i for i in points if not is_full[i]] or list(points)
    alone = [i for i in points if i not in set(joined)]
    joined_line(
        panel, [x[i] for i in joined], [y[i] for i in joined], look, is_one_of_many=is_one_of_many
    )
    size = 2.5 if is_one_of_many else 6
    panel.plot(
        [x[i] for i in alone], [y[i] for i in alone], look.marker, color=look.colour,
        ms=size, mec=PAPER, mew=0.5, zorder=4,
    )  # fmt: skip


def joined_line(
    panel: Axes, x: Sequence[float], y: Sequence[float], look: Look, *, is_one_of_many: bool
) -> None:
    """A line through all points, thinned: with markers, or thin where it is one of many."""
    kept = _thinned(len(x))
    marks = {"lw": 0.7, "alpha": 0.5} if is_one_of_many else _marks(look, len(kept))
    style = {"color": look.colour, "ls": look.line}
    panel.plot([x[i] for i in kept], [y[i] for i in kept], **style, **marks)


def _marks(look: Look, points: int) -> dict[str, Any]:
    """Markers that tell lines apart without covering them; a single point is only a marker."""
    return {"marker": look.marker, "markevery": max(1, points // POINTS_WITH_MARKERS), "ms": 3.6}


def _thinned(points: int) -> list[int]:
    """At most POINTS_PER_CURVE indices, evenly spread; the first and the last always stay."""
    limit = POINTS_PER_CURVE
    if points <= limit:
        return list(range(points))
    return sorted({round(k * (points - 1) / (limit - 1)) for k in range(limit)})


def _zoom_limits(curves: Sequence[Curve]) -> tuple[float, float, float, float] | None:
    """The x and y limits of the last quarter; None if no run has two evaluations there."""
    right = max(curve.steps[-1] for curve in curves)
    left = right * (1 - ZOOM_SHARE)
    inside = [
        [y for x, y in zip(curve.steps, curve.perplexities, strict=True) if x >= left]
        for curve in curves
    ]
    values = [value for run in inside for value in run]
    if max(map(len, inside)) < 2 or min(values) == max(values):
        return None
    margin = (max(values) / min(values)) ** 0.06
    edge = 0.008 * (right - left)
    return left - edge, right + edge, min(values) / margin, max(values) * margin


def _percent(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]
