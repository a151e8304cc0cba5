"""What the checkpoints of a plan will take on the disk, by arithmetic, before anything is run."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gpt2.budget import parameter_count, state_copies, tokens_per_step
from scripts.matrix.estimate import FLOAT32_BYTES, padded_vocabulary
from scripts.matrix.plan import Plan, PlannedRun

# The newest two, and the one that is being written beside them.
NEWEST = 3


class DiskNeed(NamedTuple):
    """Bytes of checkpoints, upper bounds: one file often serves several purposes."""

    running: int
    """Of one run while it goes on."""
    done: int
    """What it leaves."""


def disk_need(planned: PlannedRun) -> DiskNeed | None:
    """Of one run; None before the vocabulary or the length is known."""
    settings = planned.settings
    if not settings["SAVE_CHECKPOINT"]:
        return DiskNeed(0, 0)
    vocabulary = padded_vocabulary(planned)
    if vocabulary is None or planned.steps is None:
        return None
    weights = FLOAT32_BYTES * parameter_count(settings, vocabulary)
    checkpoint = (1 + state_copies(settings)) * weights
    running = checkpoint * _files(settings, planned.steps, planned.train_tokens)
    left = 2 * weights if settings["CHECKPOINT_BEST"] else weights
    after = {"weights": left, "all": running + left, "none": 0}
    return DiskNeed(running, after[settings["CHECKPOINT_AFTER_RUN"]])


def _files(settings: Mapping[str, Any], steps: int, train_tokens: int | None) -> int:
    rolling = 0
    if settings["CHECKPOINT_INTERVAL"]:
        rolling = min(settings["CHECKPOINT_KEEP"], steps // settings["CHECKPOINT_INTERVAL"])
    tokens = steps * tokens_per_step(settings)
    epochs = math.inf if train_tokens is None else tokens // train_tokens
    at_epochs = int(min(settings["CHECKPOINT_KEEP_EPOCHS"], epochs))
    return NEWEST + rolling + at_epochs + settings["CHECKPOINT_BEST"]


def disk_line(plan: Plan, jobs: int) -> str:
    """One sentence for the plan; it ends with a warning where the disk has less. "" if nothing."""
    needs = [disk_need(planned) for planned in plan.pending()]
    known = [need for need in needs if need is not None]
    if not known or not any(known):
        return ""
    most = sum(sorted((need.running for need in known), reverse=True)[:jobs])
    left = sum(need.done for need in known)
    free = shutil.disk_usage(_existing(plan.results)).free
    line = f"Checkpoints take at most {_gib(most)} while runs go on, and {_gib(left)} stay"
    if most + left <= free:
        return f"{line}; {_gib(free)} are free."
    return (
        f"{line}; ONLY {_gib(free)} ARE FREE: lower CHECKPOINT_KEEP, set "
        "CHECKPOINT_AFTER_RUN=none, or put RESULTS_DIR on another disk."
    )


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _gib(number: int) -> str:
    return f"{number / 2**30:.3g} GiB" if number >= 2**30 else f"{number / 2**20:.3g} MiB"
