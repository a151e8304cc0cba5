"""Where memory and time went: the parts of stacked bars, only from measured fields.

A part that was not measured is not drawn apart, and the caption says so; it is then in the rest,
which is drawn only if the whole was measured and is not smaller than its parts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from . import formats
from .load import Run
from .scoreboard import Row
from .statistics import Estimate


@dataclass(frozen=True)
class Bar:
    """An arm: the mean of each part over its finished runs, in the unit of the axis."""

    arm: str
    parts: dict[str, float]
    total_text: str
    missing: list[str] = field(default_factory=list)
    """What was not measured, for the caption."""


MEMORY_PARTS = {
    "weights": "memory.weights_bytes",
    "gradients": "memory.gradients_bytes",
    "optimizer state": "memory.optimizer_bytes",
    "masks": "memory.mask_bytes",
}

SCORES_KEPT = "memory.score_bytes"

TIME_PARTS = {
    "start-up": "time.startup_s",
    "compile": "time.compile_s",
    "data": "time.data_s",
    "evaluation": "time.eval_s",
    "checkpoint": "time.checkpoint_s",
}


def memory_bars(rows: Iterable[Row], kind: str) -> list[Bar]:
    """A bar in MiB for each arm with finished runs whose peak is of `kind` ("rss"/"allocated")."""
    bars = []
    for row in rows:
        runs = [run for run in row.done if run.memory_kind == kind]
        if not runs:
            continue
        parts, missing = _measured(runs, MEMORY_PARTS)
        # Most methods keep none, and summaries of an earlier form say nothing of them.
        if kept := _mean([run.number(SCORES_KEPT) for run in runs]):
            parts["scores kept"] = kept
        peak = _mean([run.peak(kind) for run in runs])
        total = f"{formats.size(peak)} peak" if peak is not None else "peak not measured"
        if peak is not None and peak >= sum(parts.values()):
            parts["rest"] = peak - sum(parts.values())
        scaled = {name: value / formats.MIB for name, value in parts.items()}
        if scaled:
            bars.append(Bar(row.arm, scaled, total, missing))
    return bars


def time_bars(rows: Iterable[Row]) -> tuple[list[Bar], str]:
    """A bar for each arm with finished runs, and the unit they share."""
    found = [(row, *_time_parts(row.done)) for row in rows if row.done]
    divisor, unit = formats.second_unit([sum(parts.values()) for _, parts, _ in found])
    bars = []
    for row, parts, missing in found:
        total = _mean([run.number("time.total_s") for run in row.done])
        text = formats.duration(total) if total is not None else "total not measured"
        scaled = {name: value / divisor for name, value in parts.items() if value}
        if scaled:
            bars.append(Bar(row.arm, scaled, text, missing))
    return bars, unit


def _time_parts(runs: Sequence[Run]) -> tuple[dict[str, float], list[str]]:
    """Seconds by part. Data, optimizer and pruning happen inside the training time."""
    parts, missing = _measured(runs, TIME_PARTS)
    missing = [name for name in missing if name != "compile"]
    training = _mean([run.number("time.train_s") for run in runs])
    optimizer = _mean([_optimizer_seconds(run) for run in runs])
    pruning = _mean([_pruning_seconds(run) for run in runs])
    if training is None:
        missing.append("training")
    elif None in (optimizer, pruning) or "data" not in parts:
        # Parts that are inside it cannot be drawn beside it.
        parts.pop("data", None)
        parts["training, not split"] = training
        missing.append("optimizer, pruning or data")
    else:
        inner = optimizer + pruning + parts["data"]
        if inner <= training:
            parts |= {"optimizer": optimizer, "pruning": pruning}
            passes = _mean([run.number("time.forward_backward_s") for run in runs])
            if passes is None or passes > training - inner:
                # Nobody measured it, so it is what is left, overhead and all.
                passes = training - inner
            else:
                parts["overhead"] = training - inner - passes
            parts["forward and backward"] = passes
        else:
            parts.pop("data")
            parts["training, not split"] = training
    total = _mean([run.number("time.total_s") for run in runs])
    if total is not None and total >= sum(parts.values()):
        parts["rest"] = total - sum(parts.values())
    order = ("start-up", "compile", "data", "forward and backward", "training, not split",
             "optimizer", "pruning", "overhead", "evaluation", "checkpoint", "rest")  # fmt: skip
    return {name: parts[name] for name in order if name in parts}, missing


def _optimizer_seconds(run: Run) -> float | None:
    """As clocked; without that, the median step times the steps."""
    if run.number("time.optimizer_s") is not None:
        return run.number("time.optimizer_s")
    median, steps = run.number("time.optimizer_ms_median"), run.number("steps")
    return None if None in (median, steps) else median * steps / 1e3


def _pruning_seconds(run: Run) -> float | None:
    total = run.number("time.prune_ms_total")
    if total is None:
        # A dense run has nothing to measure; for a pruned one it is unknown.
        return None if run.is_pruned else 0.0
    return total / 1e3


def _measured(runs: Sequence[Run], names: dict[str, str]) -> tuple[dict[str, float], list[str]]:
    means = {part: _mean([run.number(name) for run in runs]) for part, name in names.items()}
    parts = {part: value for part, value in means.items() if value is not None}
    return parts, [part for part in names if part not in parts]


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean, or None if one of the values is missing: parts must be of the same runs."""
    return None if None in values else Estimate(tuple(values)).mean
