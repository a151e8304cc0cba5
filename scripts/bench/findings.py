"""What the parts of `make bench` find: lines of one table, each beside its goal."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.timing import Ratio
from scripts.docs.tables import table

HEADER = (
    *("model", "what", "ours", "plain loop", "ours / plain", "95 % interval"),
    *("goal", "verdict"),
)


@dataclass(frozen=True)
class Goal:
    """A bound that a figure must keep, and the unit it is given in."""

    bound: float
    is_least: bool
    """At least; else at most."""
    unit: str = ""

    def __str__(self) -> str:
        return f"{'>=' if self.is_least else '<='} {self.bound:g}{self.unit}"

    def verdict(self, value: float, low: float | None, high: float | None) -> str:
        """ "reached" or "missed" where all of the interval is; a figure without one stands for
        itself."""
        ends = [value] if low is None or high is None else [low, high]
        kept = [self._keeps(end) for end in ends]
        if all(kept):
            return "reached"
        return "not decided" if any(kept) else "missed"

    def _keeps(self, value: float) -> bool:
        return value >= self.bound if self.is_least else value <= self.bound


def at_least(bound: float, unit: str = "") -> Goal:
    return Goal(bound, True, unit)


def at_most(bound: float, unit: str = "") -> Goal:
    return Goal(bound, False, unit)


@dataclass(frozen=True)
class Finding:
    """One line; None where a column means nothing for it."""

    model: str
    what: str
    ours: str
    plain: str | None = None
    ratio: Ratio | None = None
    """Of our figure to that of the plain loop."""
    interval: str | None = None
    """Where there is no ratio, that of our figure itself."""
    goal: Goal | None = None
    verdict: str | None = None
    """What the goal says, or that the measurement is void."""

    def cells(self) -> tuple[str, ...]:
        ratio, interval = self.ratio, self.interval
        if ratio is not None and ratio.low is not None:
            interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
        cells = (
            *(self.model, self.what, self.ours, self.plain),
            None if ratio is None else f"{ratio.median:.3f}",
            *(interval, None if self.goal is None else str(self.goal), self.verdict),
        )
        return tuple("-" if cell is None else cell for cell in cells)

    def __str__(self) -> str:
        """For the terminal, when it is there."""
        named = zip(HEADER[4:], self.cells()[4:], strict=True)
        rest = [f"{name} {cell}" for name, cell in named if cell != "-"]
        versus = f" (plain loop {self.plain})" if self.plain else ""
        return "  ".join((f"{self.model}: {self.what}: {self.ours}{versus}", *rest))


@dataclass(frozen=True)
class Section:
    """What one part has to say: its lines, and what one must know to read them."""

    findings: Sequence[Finding]
    notes: Sequence[str]

    def text(self, conditions: str) -> str:
        notes = "\n".join(f"- {note}" for note in self.notes)
        lines = table(HEADER, (finding.cells() for finding in self.findings))
        parts = (conditions, notes, lines if self.findings else "")
        return "\n\n".join(part for part in parts if part)


def judged(
    goal: Goal | None,
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    void: str | None = None,
) -> str | None:
    """What the goal says of a figure; void, where it is not None: why nothing follows from it."""
    return void or (goal.verdict(value, low, high) if goal else None)


def control(model: str, ratio: Ratio, tolerance: float) -> tuple[Finding, str | None]:
    """The A/A line, and why the measurement around it is void; None where it is not.

    ratio: of two things that are equal.
    """
    off = abs(ratio.median - 1)
    is_void = off > tolerance
    finding = Finding(
        model,
        f"A/A: the plain loop against itself, 1 +- {tolerance:g}",
        "-",
        ratio=ratio,
        verdict="void" if is_void else "held",
    )
    return finding, f"void: A/A {ratio.median:.3f}" if is_void else None
