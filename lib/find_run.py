"""Which run a person means: a folder, a run's name, or a part that only one run's name has."""

import re
from pathlib import Path

from lib.files import read_json, user_path
from lib.runs import RunDirectory, RunFolders, short_hash

# A person who mistypes is helped by a few names, not by a thousand.
SHOWN = 10


def find_run(wanted: str, results: Path, option: str = "RUN") -> RunDirectory:
    """The run that `wanted` names: a path; a name, or a part of one, of a folder below
    `results`/runs or of a plan; a hash.

    option: where it was named, for the sentences. Raises ValueError where there is none or more
    than one, with the candidates.
    """
    if not wanted:
        raise ValueError(f"Which run? Name one of {_listed(_names(results))} with {option}=...")
    folder = user_path(wanted)
    if "/" in wanted and folder.is_dir():
        return RunDirectory(folder.resolve())
    given = f"{option}={wanted}"
    names = _names(results)
    part = wanted.rstrip("/").rsplit("/", 1)[-1]
    if _WHOLE_HASH.fullmatch(part):
        part = short_hash(part)
    found = [name for name in names if name == part] or [name for name in names if part in name]
    folders = RunFolders(results)
    # One run may have had several names, and only one of them is the folder's.
    same = {run.name for name in found or [part] if (run := folders.named(name)) is not None}
    if len(found) != 1:
        found = sorted(same) or found or _by_plans(part, results, folders)
    if len(found) == 1:
        return RunDirectory(results / "runs" / found[0])
    if found:
        raise ValueError(f"{given} fits {len(found)} runs: {_listed(found)}. Give more of it.")
    raise ValueError(
        f"{given} fits no run in {results / 'runs'}. There are {_listed(names)}."
        if names
        else f"{given} names no run: {results / 'runs'} has none. `make` computes some."
    )


_WHOLE_HASH = re.compile("[0-9a-f]{64}")


def _by_plans(part: str, results: Path, folders: RunFolders) -> list[str]:
    """The folders of the runs that some plan has under a name with this part."""
    found = set()
    for path in (results / "matrices").glob("*/matrix.json"):
        for run in (read_json(path) or {}).get("runs") or ():
            try:
                name = f"{run['name']}-{short_hash(run['hash'])}"
            except (KeyError, TypeError):
                # Of a plan that nobody wrote as it stands: it names no run.
                continue
            if part in name and (directory := folders.named(name)) is not None:
                found.add(directory.name)
    return sorted(found)


def _names(results: Path) -> list[str]:
    """The folders of runs, whatever state they are in."""
    return sorted(path.parent.name for path in (results / "runs").glob("*/config.py"))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
