"""What a planned run will need: time from ended runs of the same shape, memory by arithmetic."""

import json
import statistics
from pathlib import Path

from gpt2.budget import micro_batch, shape_key, total_seconds
from gpt2.dataset_choice import data_arguments
from gpt2.datasets import dataset_folder, read_manifest
from gpt2.sizes import FLOAT32_BYTES, optimizer_numbers, parameter_count
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


def least_memory_bytes(planned: PlannedRun) -> int | None:
    """Weights, gradients, optimizer state, and the logits with their gradient, all float32.

    A lower bound: activations come on top. None before the vocabulary is known.
    """
    vocabulary = padded_vocabulary(planned)
    if vocabulary is None:
        return None
    parameters = parameter_count(planned.settings, vocabulary)
    logits = micro_batch(planned.settings) * planned.settings["BLOCK_SIZE"] * vocabulary
    numbers = 2 * parameters + optimizer_numbers(planned.settings, vocabulary)
    return FLOAT32_BYTES * (numbers + 2 * logits)


def padded_vocabulary(planned: PlannedRun) -> int | None:
    """Rows of the token embedding; None before the data are prepared."""
    manifest = read_manifest(dataset_folder(**data_arguments(planned.settings)))
    if manifest is None:
        return None
    multiple = planned.settings["VOCAB_MULTIPLE"]
    return -(-manifest.vocab_size // multiple) * multiple
