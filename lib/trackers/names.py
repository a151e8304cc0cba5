"""From a row of metrics.jsonl to what every tracker shows: named curves, histograms and texts.

A name is `<group>/<field>`, the group being the row's kind: `train/loss`, `eval/perplexity`.
Fields that people look for together have a group of their own (`PLACES`). A field that holds an
object is a group below (`prune/per_tensor/h.0.attn.weight`), one that holds a list is numbered
(`gradients/norms/03`). A histogram of a row (lib/histograms.py) is one. Nothing else is renamed, so
a new field of a row is a new curve.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from lib.histograms import buckets, is_histogram
from lib.trackers.protocol import Row

PLACES = {
    ("train", "tokens_per_s"): "throughput/tokens_per_s",
    ("train", "step_ms"): "throughput/step_ms",
    ("train", "mfu"): "throughput/mfu",
    ("train", "achieved_tflops"): "throughput/achieved_tflops",
    ("train", "share_of_matmul"): "throughput/share_of_matmul",
    # Not `memory/`: the rows of that kind have the same fields, at evaluations.
    ("train", "allocated_bytes"): "step_memory/allocated_bytes",
    ("train", "reserved_bytes"): "step_memory/reserved_bytes",
    ("train", "peak_allocated_bytes"): "step_memory/peak_allocated_bytes",
    ("train", "peak_reserved_bytes"): "step_memory/peak_reserved_bytes",
    ("train", "rss_bytes"): "step_memory/rss_bytes",
    ("train", "peak_rss_bytes"): "step_memory/peak_rss_bytes",
    ("train", "gradient_norm"): "gradients/norm",
    ("train", "clipped"): "gradients/clipped",
    # Of one step, where that of the log line is a mean over several.
    ("gradients", "norm"): "gradients/norm_of_step",
    ("prune", "achieved"): "prune/sparsity",
    ("prune", "target"): "prune/target_sparsity",
}

# The other two axes of every row; the first, `step`, is what each tracker has by itself.
AXES = {"tokens": "progress/tokens", "time_s": "progress/time_s"}

# Where a text is something to read; elsewhere it labels its row, as the `split` of an evaluation.
KINDS_WITH_TEXT = ("sample",)


@dataclass(frozen=True)
class Histogram:
    """`counts[i]` values lay between `edges[i]` and `edges[i + 1]`."""

    counts: list[int]
    edges: list[float]


@dataclass
class Values:
    """What one row says, by name."""

    step: int
    axes: dict[str, float]
    scalars: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def values_of(row: Row) -> Values:
    """The values of a row. What is not finite, or null, is left out: a gap in its curve."""
    axes = {name: row[key] for key, name in AXES.items() if _is_number(row.get(key))}
    values = Values(row["step"], axes)
    kind = row["kind"]
    for key, value in row.items():
        if key not in ("kind", "step", *AXES):
            _add(values, PLACES.get((kind, key), f"{kind}/{key}"), value, kind in KINDS_WITH_TEXT)
    return values


def _add(values: Values, name: str, value: Any, has_text: bool) -> None:
    if isinstance(value, str):
        if has_text:
            values.texts[name] = value
    elif _is_number(value):
        values.scalars[name] = value
    elif is_histogram(value):
        edges, counts = buckets(value)
        if counts:
            values.histograms[name] = Histogram(counts, edges)
    elif isinstance(value, dict):
        for key, part in value.items():
            _add(values, f"{name}/{key}", part, has_text)
    elif isinstance(value, list):
        digits = len(str(len(value) - 1))
        for index, part in enumerate(value):
            _add(values, f"{name}/{index:0{digits}d}", part, has_text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
