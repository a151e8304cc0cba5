"""What a planned run will need: time from ended runs of the same shape, and its vocabulary."""

import json
import statistics
from pathlib import Path

from gpt2.budget import shape_key, total_seconds
from gpt2.dataset_choice import data_arguments, vocabulary
from gpt2.datasets import dataset_folder, read_manifest
from gpt2.shape import padded_vocabulary as padded
from scripts.matrix.plan import PlannedRun


def seconds_per_step(results: Path) -> dict[str, float]:
    """By shape: the median over ended runs of the whole wall time, divided by the steps.

    Start-up and evaluation are thus in it, in the proportion that those runs had.
    """
    samples: dict[str, list[float]] = {}
    for path in sorted((results / "runs").glob("*/summary.json")):
        try:
            summary = json.loads(path.read_text())
            seconds = summary["time"]["total_s"] / summary["steps"]
            samples.setdefault(summary["shape"], []).append(seconds)
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            continue
    return {shape: statistics.median(values) for shape, values in samples.items()}


def estimated_s(planned: PlannedRun, known: dict[str, float]) -> float | None:
    """Seconds of the whole run; None before a run of its shape has ended on any machine. Where a
    time ends it, that time: evaluations and the start come on top."""
    if (by_time := total_seconds(planned.settings)) is not None:
        return by_time
    seconds = known.get(shape_key(planned.settings))
    return None if seconds is None or planned.steps is None else seconds * planned.steps


def padded_vocabulary(planned: PlannedRun) -> int | None:
    """Rows of the token embedding; None where only the data, not prepared yet, will tell."""
    settings = planned.settings
    manifest = read_manifest(dataset_folder(**data_arguments(settings)))
    tokens = vocabulary(settings) if manifest is None else manifest.vocab_size
    return None if tokens is None else padded(tokens, settings["VOCAB_MULTIPLE"])
