"""How figures look: one colour per arm everywhere, readable in grey, in the dark and by all eyes.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers. Line style says the
family of an arm (its pruning method), so that print in grey still tells dense from pruned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .load import Run

# In order of contrast with white; black is for the baseline, and yellow too faint for lines.
# (Not quite black: matplotlib leaves pure black out of its SVG, and no rule could turn it.)
BLACK = "#0a0a0c"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
DENSE_LINE = "-"
PRUNED_LINES = ("--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)))

INK, FAINT, GRID, PAPER = "#24262b", "#6b7078", "#dcdee2", "#ffffff"
REST = "#c3c7ce"

# The same drawing on a dark page: matplotlib writes its colours into style attributes, which an
# embedded rule can overrule. Arms keep their colours; only black and the grey rest need others.
DARK = {INK: "#d9dbe0", FAINT: "#9a9fa8", GRID: "#3a3d44", PAPER: "#16181d", BLACK: "#f4f4f4"}
DARK |= {REST: "#565b64"}

PARTS = {
    "weights": "#0072b2", "gradients": "#56b4e9", "optimizer state": "#e69f00",
    "masks": "#cc79a7", "scores kept": "#d55e00",
    "start-up": "#7f8791", "compile": "#f0e442", "data": "#009e73",
    "forward and backward": "#0072b2", "training, not split": "#0072b2", "optimizer": "#e69f00",
    "pruning": "#cc79a7", "overhead": "#999933", "evaluation": "#56b4e9", "checkpoint": "#d55e00",
    "rest": REST,
}  # fmt: skip
"""Colours of the stacked bars of memory and of time, in the order in which they are stacked."""

SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "bitterbench",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    # A name with two dollar signs is a name, not a formula.
    "text.parse_math": False,
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "hatch.linewidth": 0.4,
}


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    line: Any
    marker: str


def looks(arms: Mapping[str, Sequence[Run]], baseline: str | None) -> dict[str, Look]:
    """A look for each arm, fixed by its place in the plan; all differ up to 54 arms."""
    families: dict[Any, Any] = {None: DENSE_LINE, "none": DENSE_LINE}
    found: dict[str, Look] = {}
    others = 0
    for arm, runs in arms.items():
        method = runs[0].axes.get("PRUNING_METHOD")
        if method not in families:
            families[method] = PRUNED_LINES[(len(families) - 2) % len(PRUNED_LINES)]
        if arm == baseline:
            colour, marker = BLACK, MARKERS[0]
        else:
            colour = COLOURS[others % len(COLOURS)]
            # A new marker with each round of the colours, so that the pair is always new.
            marker = MARKERS[(others + others // len(COLOURS)) % len(MARKERS)]
            others += 1
        found[arm] = Look(colour, families[method], marker)
    return found


def drawable(name: str) -> str:
    """A name in the characters that the font has; others would be boxes, and a warning each."""
    return name.encode("latin-1", "replace").decode("latin-1")


def dark_rules() -> str:
    """The style sheet that turns an SVG of these colours dark where the reader's system is."""
    rules = "".join(
        f'[style*="{paint}: {light}"]{{{paint}:{dark}!important}}'
        for light, dark in DARK.items()
        for paint in ("fill", "stroke")
    )
    return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
