"""The names in a folder of checkpoints, and what is done to whole files there. Knows no torch.

    step-000600.pt               the checkpoint of step 600: a regular file, never a link
    .step-000600.pt.tmp-4711     being written by process 4711, or left there by its death
    step-000600.pt.bad           was damaged or untrusted; .bad-2 and so on if there was one before
    step-000600.pt.superseded    the run was sent back to before step 600, on purpose
    final.pt, best.pt            the weights of a run that is done
    latest.pt, best.pt, epoch-0001.pt    links for people while it trains

Nothing here ever follows a link.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from lib.files import fsync_path

LATEST_LINK = "latest.pt"
BEST_LINK = "best.pt"

_STEP = re.compile(r"step-(\d{6,})\.pt")
_BAD = re.compile(r"(step-\d{6,}\.pt)\.bad(?:-(\d+))?")
_SUPERSEDED = re.compile(r"((?:step-\d{6,}|final|best)\.pt)\.superseded")
_TEMPORARY = re.compile(r"\..+\.tmp-(\d+)")
_LINK = re.compile(r"latest\.pt|best\.pt|epoch-\d{4,}\.pt")


def step_name(step: int) -> str:
    """Six digits, so that `ls` sorts them; longer where a step needs more."""
    return f"step-{step:06d}.pt"


def step_of(name: str) -> int | None:
    """The step in the name of a checkpoint; None for any other name, or for a second spelling."""
    match = _STEP.fullmatch(name)
    step = int(match[1]) if match else None
    return step if step is not None and step_name(step) == name else None


def epoch_link(epoch: int) -> str:
    return f"epoch-{epoch:04d}.pt"


def step_files(folder: Path) -> dict[int, Path]:
    """The checkpoints by step, newest first, by their names alone."""
    found = {}
    for entry in _scan(folder):
        step = step_of(entry.name)
        if step is not None and entry.is_file(follow_symlinks=False):
            found[step] = folder / entry.name
    return dict(sorted(found.items(), reverse=True))


def bad_files(folder: Path) -> list[Path]:
    """What was set aside, by name."""
    return sorted(folder / entry.name for entry in _scan(folder) if _BAD.fullmatch(entry.name))


def superseded_files(folder: Path) -> dict[Path, int | None]:
    """What a run left behind when it was sent back, with its step; None for its weights."""
    matches = [(entry, _SUPERSEDED.fullmatch(entry.name)) for entry in _scan(folder)]
    return {folder / entry.name: step_of(match[1]) for entry, match in matches if match}


def set_aside(path: Path) -> Path:
    """Rename a bad file out of the way and keep it; returns its new place."""
    number = 1
    while (aside := path.with_name(f"{path.name}.bad{f'-{number}' * (number > 1)}")).exists():
        number += 1
    path.rename(aside)
    fsync_path(path.parent)
    return aside


def supersede(paths: Iterable[Path]) -> list[Path]:
    """Rename checkpoints, or what was set aside, so that no scan takes them; returns the places."""
    places = []
    for path in paths:
        bad = _BAD.fullmatch(path.name)
        place = path.with_name(f"{bad[1] if bad else path.name}.superseded")
        path.replace(place)
        places.append(place)
    if places:
        fsync_path(places[0].parent)
    return places


def temporary_path(path: Path) -> Path:
    """Where a process writes what will be `path`: hidden, and in the same folder for the rename."""
    return path.with_name(f".{path.name}.tmp-{os.getpid()}")


def lock_while_writing(file: BinaryIO) -> None:
    """Mark a temporary as alive for as long as it is open.

    A kernel lock and not the process number in the name: in a container the next process has the
    number of the one that was killed. Where the file system has no locks, the number must do.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(folder: Path) -> list[Path]:
    """Remove the temporaries that no process is writing any more; returns what was removed."""
    removed = []
    for entry in _scan(folder):
        match = _TEMPORARY.fullmatch(entry.name)
        if match and not entry.is_dir() and not _is_being_written(entry, int(match[1])):
            os.unlink(entry.path)
            removed.append(folder / entry.name)
    return removed


def _is_being_written(entry: os.DirEntry[str], process: int) -> bool:
    if entry.is_symlink():
        return False
    try:
        with open(entry.path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return process != os.getpid() and Path(f"/proc/{process}").exists()


def point_links(folder: Path, wanted: Mapping[str, str]) -> None:
    """Let the links be exactly those wanted (name of link to name of file), each by a rename.

    They are for people, so a file system without links, or one that refuses, stops nothing. A
    regular file under such a name is somebody's: it stays.
    """
    with contextlib.suppress(OSError):
        for entry in _scan(folder):
            if _LINK.fullmatch(entry.name) and entry.is_symlink() and entry.name not in wanted:
                os.unlink(entry.path)
        for name, target in wanted.items():
            link = folder / name
            if link.is_symlink() and os.readlink(link) == target:
                continue
            if link.exists() and not link.is_symlink():
                continue
            temporary = temporary_path(link)
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target)
            os.replace(temporary, link)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
