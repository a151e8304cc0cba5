"""Which run a person means: a folder, a run's name, or a part that only one run's name has."""

from pathlib import Path

from lib.files import user_path
from lib.runs import RunDirectory

# A person who mistypes is helped by a few names, not by a thousand.
SHOWN = 10


def find_run(wanted: str, results: Path, option: str = "RUN") -> RunDirectory:
    """The run that `wanted` names: a path, or a name or part of one below `results`/runs.

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
    found = [name for name in names if name == part] or [name for name in names if part in name]
    if len(found) == 1:
        return RunDirectory(results / "runs" / found[0])
    if found:
        raise ValueError(f"{given} fits {len(found)} runs: {_listed(found)}. Give more of it.")
    raise ValueError(
        f"{given} fits no run in {results / 'runs'}. There are {_listed(names)}."
        if names
        else f"{given} names no run: {results / 'runs'} has none. `make` computes some."
    )


def _names(results: Path) -> list[str]:
    """The folders of runs, whatever state they are in."""
    return sorted(path.parent.name for path in (results / "runs").glob("*/config.py"))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
