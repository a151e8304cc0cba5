"""Axes that read well: round ticks, units that fit, and legends with room of their own."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from . import formats

ROUND = (1, 2, 2.5, 5, 10)
LEGEND_ENTRIES = 24
LEGEND_ROW_IN = 0.175
LEGEND_LINE_CHARACTERS = 150
"""What fits beside each other in a wide figure."""


def perplexity_ticks(low: float, high: float) -> list[float]:
    """Up to ten round values inside [low, high] for a logarithmic axis."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 4:
            return ticks
    # Less than a decade: evenly spaced values serve better than round ones.
    spaced = MaxNLocator(6, steps=ROUND).tick_values(low, high)
    return [float(tick) for tick in spaced if low <= tick <= high]


def logarithmic_y(panel: Axes, low: float, high: float) -> None:
    """A logarithmic y axis a little wider than [low, high]."""
    margin = (high / low) ** 0.04 if high > low else 1.1
    low, high = low / margin, high * margin
    panel.set_yscale("log")
    panel.set_ylim(low, high)
    panel.yaxis.set_major_locator(FixedLocator(perplexity_ticks(low, high)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.5g}"))


def counting_x(panel: Axes) -> None:
    """An x axis of whole steps or tokens."""
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=ROUND))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))


def time_x(panel: Axes) -> None:
    """An x axis of seconds, shown in the unit that fits its length."""
    right = panel.get_xlim()[1]
    divisor, unit = formats.second_unit([right])
    ticks = MaxNLocator(5, steps=ROUND).tick_values(0, right / divisor)
    inside = [tick * divisor for tick in ticks if 0 <= tick * divisor <= right]
    panel.xaxis.set_major_locator(FixedLocator(inside))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:,.4g}"))
    panel.set_xlabel(f"training time ({unit})")


def short_count(value: float) -> str:
    """15,000 as "15k", 614,400 as "614.4k", 2e9 as "2B"; small counts as they are."""
    for limit, least, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e3, 1e4, "k")):
        if abs(value) >= least:
            return f"{value / limit:.4g}{unit}"
    return f"{value:,.4g}"


def legend_columns(labels: list[str], narrow: bool) -> int:
    """How many entries stand beside each other below a figure."""
    longest = max(map(len, labels), default=0)
    fitting = LEGEND_LINE_CHARACTERS // (longest + 9)
    return 1 if narrow else max(1, min(len(labels), fitting))


def legend_height_in(labels: list[str], narrow: bool) -> float:
    """What a figure needs below its panels for a legend of these entries."""
    rows = math.ceil(min(len(labels), LEGEND_ENTRIES + 1) / legend_columns(labels, narrow))
    return 0.15 + LEGEND_ROW_IN * rows


def legend_below(figure: Figure, panel: Axes, narrow: bool) -> None:
    """A legend of the panel's labelled artists; beyond the limit only their number."""
    handles, labels = panel.get_legend_handles_labels()
    columns = legend_columns(labels, narrow)
    if len(labels) > LEGEND_ENTRIES:
        rest = len(labels) - LEGEND_ENTRIES
        handles, labels = handles[:LEGEND_ENTRIES], labels[:LEGEND_ENTRIES]
        handles.append(panel.plot([], [], " ")[0])
        labels.append(f"and {rest} more")
    figure.legend(
        handles, labels, loc="outside lower left", ncols=columns,
        handlelength=2.6, columnspacing=1.8,
    )  # fmt: skip
