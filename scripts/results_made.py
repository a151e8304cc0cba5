"""What runs, matrices and comparisons left below RESULTS_DIR, which others may use as well.

A run's folder is told by its generated configuration, a matrix's by its plan. In them only what
the project writes under its own names is ours: a person's notes beside a run stay.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from lib.kconfig import read_config_py
from lib.made import Made, made_at
from scripts.matrix import last
from scripts.report.compare import PAGE_NAME

_CHECKPOINTS = ("step-*.pt*", "final.pt*", "best.pt*", "latest.pt", "epoch-*.pt")
_EXPORT = (
    *("config.json", "model.safetensors", "README.md"),
    *("vocab.json", "merges.txt", "tokenizer_config.json"),
)
_RUN = (
    *(".config", "config.py", "run.json", "metrics.jsonl", "train.log", "heartbeat.json", "lock"),
    *("summary.json", "gates.json", "latency.json", ".heartbeat.tmp", "hellaswag/*"),
    *(f"checkpoints/{name}" for name in _CHECKPOINTS),
    *(f"{folder}/{name}" for folder in ("export-hf", ".export-hf.partial") for name in _EXPORT),
    # Of the libraries of trackers, who name their files themselves.
    *("events.out.tfevents.*", "wandb/*", "trackers/*"),
    *(".*.tmp-*", "checkpoints/.*.tmp-*"),
)
# What an ended run left when it was computed again.
_RUN_AND_ATTEMPTS = (
    *_RUN,
    *(re.sub("^([^/]+)", r"\1.attempt-*", name) for name in _RUN if name[0] != "."),
)
_MATRIX = (
    *("matrix.json", "matrix.mk", last.NAME, "lock", ".*.tmp-*"),
    *(
        f"report/{name}"
        for name in ("report.html", "report.md", "summary.csv", "curves.csv", "*.svg", ".*.tmp-*")
    ),
)
_MARK = "# Generated from .config"
_HEAD_BYTES = 4096


def made_below(results: Path, project: str | None) -> list[Made]:
    """All runs, matrices, tracker files and the page of comparisons. project: what trackers of
    this configuration file their runs under; the runs name others."""
    runs = _folders(results / "runs", _is_run)
    found = [made_at(path, _RUN_AND_ATTEMPTS, _always) for path in runs]
    found += [
        made_at(path, _MATRIX, _always) for path in _folders(results / "matrices", _is_matrix)
    ]
    projects = {project, *(_project(path) for path in runs if path.parent == results / "runs")}
    tracked = [
        pattern
        for name in sorted(projects - {None})
        for pattern in (f"{name}.*", f"media/{name}/*")
    ]
    if (results / "trackio").is_dir():
        found.append(made_at(results / "trackio", tuple(tracked), _always))
    page = results / PAGE_NAME
    if page.is_file() and b"bitterbench" in page.read_bytes()[:_HEAD_BYTES]:
        found.append(made_at(page, (), _always))
    return [made for made in found if made.files]


def _folders(parent: Path, is_ours: Callable[[Path], bool]) -> list[Path]:
    """Those of ours in a folder; of a link to such a folder the link."""
    if not parent.is_dir():
        return []
    found = sorted(path for path in parent.iterdir() if path.is_dir() and is_ours(path))
    return [parent] if found and parent.is_symlink() else found


def _always(path: Path) -> bool:
    return True


def _is_run(folder: Path) -> bool:
    """Planned, begun or ended."""
    try:
        return (folder / "config.py").read_text("utf-8").startswith(_MARK)
    except (OSError, ValueError):
        return False


def _is_matrix(folder: Path) -> bool:
    try:
        plan = json.loads((folder / "matrix.json").read_text("utf-8"))
        return plan["id"] == folder.name and "runs" in plan
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _project(run: Path) -> str | None:
    try:
        return read_config_py(run / "config.py").get("TRACKER_PROJECT")
    except (OSError, ValueError):
        return None
