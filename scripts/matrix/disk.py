"""What the checkpoints of a plan will take on the disk, by arithmetic, before anything is run."""

import shutil
from pathlib import Path

from gpt2.budget import total_seconds
from gpt2.sizes import DiskNeed, disk_need
from lib.console import size
from scripts.matrix.estimate import padded_vocabulary
from scripts.matrix.plan import Plan, PlannedRun


def disk_line(plan: Plan, jobs: int) -> str:
    """One sentence for the plan; it ends with a warning where the disk has less. "" if nothing."""
    known = [need for planned in plan.pending() if (need := _need(planned)) is not None]
    if not known or not any(known):
        return ""
    most = sum(sorted((need.running for need in known), reverse=True)[:jobs])
    left = sum(need.done for need in known)
    free = shutil.disk_usage(_existing(plan.results)).free
    line = f"Checkpoints take at most {size(most)} while runs go on, and {size(left)} stay"
    if most + left <= free:
        return f"{line}; {size(free)} are free."
    return (
        f"{line}; ONLY {size(free)} ARE FREE: lower CHECKPOINT_KEEP, set "
        "CHECKPOINT_AFTER_RUN=none, or put RESULTS_DIR on another disk."
    )


def require_folder(results: Path) -> None:
    """Refuse a place for results that no folder can be at. Raises ValueError."""
    existing = _existing(results)
    if not existing.is_dir():
        raise ValueError(
            f"RESULTS_DIR={results}: {existing} is in the way and is no folder. Move it away, or "
            "set RESULTS_DIR to another folder."
        )


def _need(planned: PlannedRun) -> DiskNeed | None:
    """None before the vocabulary or the length is known."""
    vocabulary = padded_vocabulary(planned)
    is_by_time = total_seconds(planned.settings) is not None
    if vocabulary is None or (planned.steps is None and not is_by_time):
        return None
    return disk_need(planned.settings, vocabulary, planned.steps, planned.train_tokens)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
