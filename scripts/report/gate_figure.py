"""The figure of the gates: what they are and what their terms contribute, by optimizer step."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .appearance import INK, Look, drawable
from .axes import counting_x, legend_below, legend_height_in
from .figures import NARROW_IN, RUNS_DRAWN_APART, WIDE_IN, joined_line
from .gates import PANELS, GateCurve, Panel

WAKES_UP = "wakes up"
WAKING = {"ls": ":", "lw": 1.1}


def gate_curves(curves: Sequence[GateCurve], looks: Mapping[str, Look], *, narrow: bool) -> Figure:
    """A row of panels for attention and one for the MLP, of those that have a line."""
    rows = [[p for p in pair if _have(curves, p)] for pair in (PANELS[:2], PANELS[2:])]
    rows = [row for row in rows if row]
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    legend_in = legend_height_in([*arms, WAKES_UP], narrow)
    height = sum(map(len, rows)) if narrow else len(rows)
    size = (NARROW_IN if narrow else WIDE_IN, 2.4 * height + legend_in)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(height, 1 if narrow else 2)
    drawn = []
    for y, row in enumerate(rows):
        for x, panel in enumerate(row):
            place = grid[len(drawn), 0] if narrow else grid[y, x]
            axes = figure.add_subplot(place)
            _panel(axes, panel, curves, looks)
            drawn.append(axes)
    for arm in arms:
        look = looks[arm]
        drawn[0].plot(
            [], [], label=drawable(arm), marker=look.marker, color=look.colour, ls=look.line
        )
    if any(curve.woken_at is not None for curve in curves):
        drawn[0].plot([], [], color=INK, label=WAKES_UP, **WAKING)
    legend_below(figure, drawn[0], narrow)
    return figure


def _have(curves: Sequence[GateCurve], panel: Panel) -> bool:
    return any(panel.kind in curve.points for curve in curves)


def _panel(
    axes: Axes, panel: Panel, curves: Sequence[GateCurve], looks: Mapping[str, Look]
) -> None:
    """A thin line per run and, where an arm has several that match, a thick one for their mean."""
    with_line = [curve for curve in curves if panel.kind in curve.points]
    arms: dict[str, list[GateCurve]] = {}
    for curve in with_line:
        arms.setdefault(curve.arm, []).append(curve)
    for arm, runs in arms.items():
        lines = [tuple(zip(*curve.points[panel.kind], strict=True)) for curve in runs]
        whole = [
            line for curve, line in zip(runs, lines, strict=True) if curve.is_done or len(runs) == 1
        ]
        has_mean = len(whole) > 1 and len({steps for steps, _ in whole}) == 1
        for curve, (steps, values) in zip(runs, lines, strict=True):
            if not (has_mean and curve.is_done and len(curves) > RUNS_DRAWN_APART):
                joined_line(axes, steps, values, looks[arm], is_one_of_many=len(runs) > 1)
        if has_mean:
            means = [math.fsum(v) / len(v) for v in zip(*(y for _, y in whole), strict=True)]
            joined_line(axes, whole[0][0], means, looks[arm], is_one_of_many=False)
        for step in sorted({c.woken_at for c in runs if c.woken_at is not None}):
            axes.axvline(step, color=looks[arm].colour, zorder=1, **WAKING)
    axes.set_xlim(0, 1.03 * max(curve.points[panel.kind][-1][0] for curve in with_line))
    # From zero on, so that a drift of a hundredth does not look like one of a half.
    # With room above: the margin of equal values would be none.
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    counting_x(axes)
    axes.set_title(panel.title)
    axes.set_xlabel("optimizer steps")
    axes.set_ylabel(panel.y_label)
