"""`python gpt2/train.py --list-checkpoints`: every checkpoint, and whether it is whole.

Whole means that every byte was read and compared with its checksum: about a second for 1.5 GB.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gpt2.dataset_choice import data_arguments
from gpt2.datasets import dataset_folder, read_manifest
from gpt2.trainers.saving import tiers_of
from lib.arms import run_settings
from lib.checkpoint import CheckpointStore, Listed, Tiers, list_checkpoints
from lib.cli import ROOT
from lib.console import size
from lib.current import results_folder
from lib.kconfig import load_tree, overrides_from_arguments
from lib.kconfig.aliases import target_of
from lib.runs import RunDirectory

COLUMNS = "{:<28}{:>9}{:>10}{:>10}  {:<17}{:<24}{}"

PLACE = ("RESULTS_DIR",)


def print_checkpoints(folder: Path | None, assignments: list[str]) -> int:
    """List those of the run in `folder`, or of every run below the results folder.

    Raises ValueError for an option that decides nothing here.
    """
    options = overrides_from_arguments(assignments).assignments
    pairs = [(target_of(found.name, PLACE, ()), found.value) for found in options]
    for name, _ in pairs:
        if name not in PLACE or folder is not None:
            what = "with --run" if name in PLACE else "here"
            raise ValueError(
                f"{name} has no effect with --list-checkpoints {what}: it lists those of every "
                "run below --results-dir, or of the one of --run."
            )
    runs = [RunDirectory(folder.resolve())] if folder is not None else _all_runs(pairs)
    if not runs:
        print("No run has a checkpoint yet.")
    for run in runs:
        print(f"{run.name} ({run.live() or run.state()})")
        has_any = False
        for text in _lines(run):
            if not has_any:
                print(COLUMNS.format("", "step", "size", "loss", "saved", "kept as", "whole"))
                has_any = True
            # Each as soon as it is known: a long list of large files takes a while.
            print(text, flush=True)
        if not has_any:
            print("  no checkpoint")
    return 0


def _all_runs(pairs: list[tuple[str, str]]) -> list[RunDirectory]:
    runs = results_folder(load_tree(ROOT), pairs) / "runs"
    return [RunDirectory(path.parent) for path in sorted(runs.glob("*/checkpoints"))]


def _lines(run: RunDirectory) -> Iterator[str]:
    store = CheckpointStore(run.checkpoints_path)
    for listed in list_checkpoints(store, _tiers(run), is_checked=True):
        yield _line(listed)


def _tiers(run: RunDirectory) -> Tiers | None:
    """What the run keeps its checkpoints for; None where that cannot be known any more."""
    settings = run_settings(run.config())
    if not settings["SAVE_CHECKPOINT"]:
        return None
    manifest = read_manifest(dataset_folder(**data_arguments(settings)))
    return None if manifest is None else tiers_of(settings, manifest.train.tokens)


def _line(listed: Listed) -> str:
    loss = listed.header.val_loss if listed.header else None
    return COLUMNS.format(
        f"  {listed.path.name}",
        "-" if listed.step is None else listed.step,
        size(listed.bytes),
        "-" if loss is None else f"{loss:.4f}",
        datetime.fromtimestamp(listed.modified_s).strftime("%Y-%m-%d %H:%M"),
        ", ".join(listed.tiers) or "-",
        "yes" if listed.problem is None else f"NO: {listed.problem}",
    )
