"""Where the rows came from: facts grouped by the runs that share them, and how to repeat a row."""

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.runs import RunDirectory

from . import formats
from .load import Matrix, Run, printable


@dataclass(frozen=True)
class Fact:
    """Something that runs record: each different value with who has it."""

    name: str
    values: list[tuple[str, str]]
    """(value, runs): one entry where all runs agree."""


# Enough to tell data sets apart by eye; summary.csv has all of it.
HASH_DIGITS = 16

FACTS = {
    "commit": lambda run: _commit(run),
    "data set": lambda run: run.fact("data.dataset"),
    "data hash": lambda run: (run.fact("data.hash") or "")[:HASH_DIGITS],
    "training tokens": lambda run: _count(run, "data.train_tokens"),
    "validation tokens": lambda run: _count(run, "data.validation_tokens"),
    "hardware fingerprint": lambda run: run.fact("hardware.fingerprint"),
    "device": lambda run: run.fact("hardware.device_name"),
    "driver": lambda run: run.fact("hardware.details.driver"),
    "CUDA or ROCm": lambda run: run.fact("hardware.details.runtime_version"),
    "power limit": lambda run: _watts(run),
    "processor": lambda run: run.fact("hardware.cpu_model"),
    "cores": lambda run: run.fact("hardware.cpu_cores"),
    "threads": lambda run: run.fact("hardware.threads"),
    "Python": lambda run: run.fact("versions.python"),
    "torch": lambda run: run.fact("versions.torch"),
    "numpy": lambda run: run.fact("versions.numpy"),
    "bitterbench": lambda run: run.fact("versions.bitterbench"),
    "determinism": lambda run: run.fact("determinism"),
}


# Of a GPU alone: where no run recorded them they are not even missing.
ONLY_WHERE_KNOWN = ("driver", "CUDA or ROCm", "power limit")


def facts(runs: Iterable[Run]) -> list[Fact]:
    """What the runs recorded about themselves; runs that never began have nothing to say."""
    runs = [run for run in runs if run.provenance]
    if not runs:
        return []
    return [
        Fact(name, _variants(runs, read))
        for name, read in FACTS.items()
        if name not in ONLY_WHERE_KNOWN or any(read(run) is not None for run in runs)
    ]


def differing_symbols(runs: Iterable[Run]) -> tuple[list[Fact], int]:
    """The result-relevant symbols that differ between runs, and how many runs have no readable
    configuration."""
    runs = list(runs)
    found, unreadable = differing_values(runs)
    readable = [run for run in runs if run not in unreadable]
    return [
        Fact(name, _variants(readable, lambda run, t=texts: t[run.dir]))
        for name, texts in found.items()
    ], len(unreadable)


def differing_values(runs: Sequence[Run]) -> tuple[dict[str, dict[str, str]], list[Run]]:
    """Each result-relevant symbol in which runs differ, as text by the run's `dir`; and the runs
    that have no readable configuration."""
    relevant: dict[str, dict[str, Any]] = {}
    unreadable = []
    for run in runs:
        try:
            relevant[run.dir] = dict(RunDirectory(run.folder).config().relevant())
        except (OSError, ValueError):
            unreadable.append(run)
    found = {}
    for name in sorted({name for values in relevant.values() for name in values}):
        texts = {key: _plain(values.get(name)) for key, values in relevant.items()}
        if len(set(texts.values())) > 1:
            found[name] = texts
    return found, unreadable


def parity(matrix: Matrix) -> list[Fact]:
    """The plan's parity table: symbols, other than the compared ones, in which arms differ."""
    found = []
    for symbol, values in (matrix.plan.get("parity") or {}).items():
        arms: dict[str, list[str]] = {}
        for arm, value in values.items():
            arms.setdefault(_plain(value), []).append(printable(arm))
        entries = [(value, formats.listing(names)) for value, names in arms.items()]
        found.append(Fact(printable(symbol), entries))
    return found


def commands(matrix: Matrix, reference: str | None) -> list[str]:
    """What computes the runs again: each by its own configuration or, where the matrix is published
    as a reference without the folders of its runs, all by one, and any of them by its name."""
    if reference is None:
        return [command(matrix, run) for run in matrix.runs]
    name = matrix.runs[0].dir.removeprefix("runs/").rpartition("-")[0]
    return [
        f"cp results/reference/{reference}/config .config && make",
        f"make check-reference TARGET={reference} RUN={shlex.quote(name)}",
    ]


def command(matrix: Matrix, run: Run) -> str:
    """What computes this run again, from the root of the repository."""
    path = f"{matrix.results.name}/{run.dir}/.config"
    return f"cp {shlex.quote(printable(path))} .config && make"


def _variants(runs: Iterable[Run], read: Callable[[Run], str | None]) -> list[tuple[str, str]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(read(run) or "not recorded", []).append(run)
    total = sum(map(len, groups.values()))
    return [(value, _who(members, total)) for value, members in groups.items()]


def _who(members: list[Run], total: int) -> str:
    if len(members) == total:
        return "all runs" if total > 1 else "the run"
    arms = list(dict.fromkeys(run.arm for run in members))
    if len(arms) > 3:
        return formats.count(len(members), "run")
    return f"{formats.count(len(members), 'run')}: {formats.listing(arms)}"


def _commit(run: Run) -> str | None:
    sha, dirty, digest = (run.fact(f"git.{name}") for name in ("sha", "dirty", "diff_hash"))
    if sha is None:
        return None
    return (
        f"{sha[:12]}, changed (difference {digest or 'unknown'})" if dirty == "True" else sha[:12]
    )


def _count(run: Run, name: str) -> str | None:
    text = run.fact(name)
    return f"{int(text):,}" if text is not None and text.isdigit() else text


def _watts(run: Run) -> str | None:
    text = run.fact("hardware.details.power_limit_w")
    return f"{text} W" if text is not None else None


def _plain(value: Any) -> str:
    """A value of a symbol for people: "y", "n", "0.5", "adamw"; "-" where it is invisible."""
    if value is None:
        return formats.MISSING
    if isinstance(value, bool):
        return "y" if value else "n"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return printable(value if isinstance(value, str) else json.dumps(value))
