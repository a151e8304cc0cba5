"""What figures draw of a run: its evaluations and its pruning events as plain lists."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .load import Run


@dataclass(frozen=True)
class Curve:
    """A run over time. The lists of evaluations have one length, those of prunings another."""

    arm: str
    is_first: bool
    """Whether it is the first drawn run of its arm, the one that the legend names."""
    is_done: bool
    is_diverged: bool
    steps: tuple[float, ...]
    tokens: tuple[float, ...]
    seconds: tuple[float, ...]
    perplexities: tuple[float, ...]
    is_full: tuple[bool, ...]
    """Whether an evaluation took the whole split: others take fewer windows, another quantity."""
    prune_steps: tuple[float, ...]
    asked: tuple[float, ...]
    realised_steps: tuple[float, ...]
    realised: tuple[float, ...]


def evaluation_curves(runs: Iterable[Run]) -> list[Curve]:
    """The curves of the runs that have at least one whole evaluation."""
    return _curves(runs, lambda curve: curve.steps)


def sparsity_curves(runs: Iterable[Run]) -> list[Curve]:
    """The curves of the runs that pruned at least once."""
    return _curves(runs, lambda curve: curve.prune_steps)


def _curves(runs: Iterable[Run], wanted: Callable[[Curve], Sequence[float]]) -> list[Curve]:
    curves, named = [], set()
    for run in runs:
        curve = _curve(run, is_first=run.arm not in named)
        if wanted(curve):
            curves.append(curve)
            named.add(run.arm)
    return curves


def _curve(run: Run, is_first: bool) -> Curve:
    whole = list(_points(run))
    prunings = _whole(run.prunings, "step", "target", "achieved")
    # Both kinds of rows measure it; at the same step they measured the same weights.
    zeros = {row["step"]: row["sparsity"] for row in _whole(run.evaluations, "step", "sparsity")}
    zeros |= {row["step"]: row["achieved"] for row in prunings}
    return Curve(
        arm=run.arm,
        is_first=is_first,
        is_done=run.is_done,
        is_diverged=run.state == "diverged",
        steps=tuple(row["step"] for row in whole),
        tokens=tuple(row["tokens"] for row in whole),
        seconds=tuple(row["time_s"] for row in whole),
        perplexities=tuple(row["perplexity"] for row in whole),
        is_full=tuple(row.get("is_full_split") is True for row in whole),
        prune_steps=tuple(row["step"] for row in prunings),
        asked=tuple(row["target"] for row in prunings),
        realised_steps=tuple(sorted(zeros)),
        realised=tuple(zeros[step] for step in sorted(zeros)),
    )


def _points(run: Run) -> Iterator[dict[str, Any]]:
    """The evaluations; that of the whole split behind the one of a sample that was made beside it,
    in which the line of the others ends."""
    for row in _whole(run.evaluations, "step", "tokens", "time_s", "perplexity"):
        if is_finite(sampled := row.get("sampled_perplexity")):
            yield row | {"perplexity": sampled, "is_full_split": False}
        yield row


def _whole(rows: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """The rows that have all of `names` as finite numbers."""
    return [row for row in rows if all(is_finite(row.get(name)) for name in names)]


def is_finite(value: Any) -> bool:
    """Whether a value of a row is a number at all: null and NaN are not."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
