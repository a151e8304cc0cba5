"""Runs side by side: a row each, what may be ranked, which value is the best, and what they
differ in.

A mark says which of these runs has the best value, and no more: each row is one run, so nothing
here is a claim about an architecture. That takes seeds, and the report of a matrix.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.runs import RunDirectory
from scripts.report.columns import FACT, QUALITY, Column, architecture_columns
from scripts.report.comparable import CONDITIONS, Comparable, fingerprint
from scripts.report.formats import MISSING, listing, whole
from scripts.report.load import Run, find, load_run, printable
from scripts.report.provenance import differing_values

NOT_RECORDED = "not recorded"

# What decides about speed and memory beside the options: as it was executed, not as configured.
EXECUTION = {
    "arithmetic": "speed.dtype",
    "TensorFloat-32": "speed.tf32",
    "attention kernel": "speed.attention_in_use",
    "compiled": "speed.compile",
    "mode of the compiler": "speed.compile_mode",
    "threads": "speed.threads",
    "sequences of a micro-batch": "batch.micro",
    "micro-batches of a step": "batch.accumulation",
}


class Comparison(Comparable):
    """Ended runs in the order in which they were chosen. Their `arm` is unique: "2 llama"."""

    def __init__(self, directories: Sequence[RunDirectory], results: Path) -> None:
        """results: the folder that the addresses of the runs start at."""
        self.runs = [_load(run, number, results) for number, run in enumerate(directories, 1)]
        self.columns = architecture_columns(self.runs)

    @cached_property
    def done(self) -> list[Run]:
        return [run for run in self.runs if run.is_done]

    def value(self, run: Run, column: Column) -> float | None:
        """A number of a run. One that did not reach its end has facts, and nothing to compare."""
        return column.read(run) if run.is_done or column.kind == FACT else None

    def is_ranked(self, column: Column) -> bool:
        """As in the report; besides, time and memory only in one arithmetic."""
        return super().is_ranked(column) and (column.kind == QUALITY or self._is_one_arithmetic)

    @cached_property
    def _is_one_arithmetic(self) -> bool:
        return len({arithmetic(run) for run in self.done}) <= 1

    def is_grey(self, column: Column) -> bool:
        """Whether the numbers of a column stand side by side without being comparable."""
        return bool(column.better) and not self.is_ranked(column)

    def best(self, column: Column) -> set[str]:
        """The `dir` of the runs whose value is the best of a ranked column.

        Runs whose values read alike share the place; where all do, none has it.
        """
        values = {run.dir: column.read(run) for run in self.done}
        known = {key: value for key, value in values.items() if value is not None}
        if not (column.better and known and self.is_ranked(column)):
            return set()
        best = column.format(max(known.values(), key=lambda value: column.better * value))
        found = {key for key, value in known.items() if column.format(value) == best}
        return found if len(found) < len(known) else set()

    @cached_property
    def notes(self) -> list[str]:
        """Sentences on what is not ranked and why, and on numbers that are to be doubted."""
        budgets = self._differences(
            {name: (read, _SHOWN[name]) for name, read in CONDITIONS.items()}
        )
        machines = self._differences(
            {
                "hardware fingerprint": (fingerprint, _machine),
                "arithmetic": (arithmetic, lambda run: arithmetic(run) or NOT_RECORDED),
            }
        )
        notes = []
        if budgets:
            notes.append(f"Nothing is ranked: the runs differ in {listing(budgets + machines)}.")
        elif machines:
            notes.append(f"Time and memory are not ranked: the runs differ in {listing(machines)}.")
        if self.shared_machine:
            notes.append(
                "Times are not ranked: runs overlapped on one machine and slowed each other."
            )
        notes += [
            f"{run.arm} {run.state}{f': {run.reason}' if run.reason else ''}. "
            "It has no numbers to compare."
            for run in self.runs
            if not run.is_done
        ]
        return notes + [f"{run.arm}: {doubt}." for run in self.done for doubt in _doubts(run)]

    def _differences(
        self, readers: dict[str, tuple[Callable[[Run], Any], Callable[[Run], str]]]
    ) -> list[str]:
        """ "tokens seen (7,680 in run 1; 5,120 in runs 2 and 3)" for each that differs."""
        found = []
        for name, (read, show) in readers.items():
            groups: dict[Any, list[Run]] = {}
            for run in self.done:
                groups.setdefault(read(run), []).append(run)
            if len(groups) > 1:
                parts = [f"{show(group[0])} in {self._numbers(group)}" for group in groups.values()]
                found.append(f"{name} ({'; '.join(parts)})")
        return found

    def _numbers(self, runs: Iterable[Run]) -> str:
        numbers = [str(self.runs.index(run) + 1) for run in runs]
        return f"run{'s' if len(numbers) > 1 else ''} {listing(numbers)}"

    @cached_property
    def options(self) -> list[tuple[str, list[str]]]:
        """The options that can change a result in which the runs differ, with each run's value."""
        found, _ = self._differing
        return [
            (printable(name), [texts.get(run.dir, NOT_RECORDED) for run in self.runs])
            for name, texts in found.items()
        ]

    @property
    def unreadable(self) -> list[Run]:
        """Runs whose frozen configuration cannot be read."""
        return self._differing[1]

    @cached_property
    def _differing(self) -> tuple[dict[str, dict[str, str]], list[Run]]:
        return differing_values(self.runs)

    @cached_property
    def execution(self) -> list[tuple[str, list[str]]]:
        """As `options`: how the runs were executed, where that differs between them."""
        rows = [
            (name, [_text(find(run.summary, key)) for run in self.runs])
            for name, key in EXECUTION.items()
        ]
        return [(name, texts) for name, texts in rows if len(set(texts)) > 1]


def architecture_name(run: Run) -> str | None:
    """The printed form, "12L-12H-768D-RoPE-RMSNorm-SwiGLU-Pre"; older runs have none."""
    name = run.summary.get("architecture_name")
    return printable(name) if isinstance(name, str) and name else None


def arithmetic(run: Run) -> str | None:
    """What the matrix products were computed in: "float32", "bfloat16"."""
    dtype = find(run.summary, "speed.dtype")
    return printable(dtype) if isinstance(dtype, str) else None


def _load(directory: RunDirectory, number: int, results: Path) -> Run:
    summary = directory.summary() or {}
    label = summary.get("architecture") or summary.get("model") or "run"
    seed = summary.get("seed")
    return load_run(
        directory,
        dir=os.path.relpath(directory.path, results),
        arm=printable(f"{number} {label}"),
        seed=seed if isinstance(seed, int) else None,
        axes={"PRUNING_METHOD": find(summary, "pruning.method")},
        budget="",
        planned_steps=None,
        planned_tokens=None,
    )


def _tokens(run: Run, name: str) -> str:
    number = run.number(name)
    return NOT_RECORDED if number is None else whole(number)


def _time(run: Run) -> str:
    if run.seconds is None:
        return "not by time"
    limit = run.number("budget.most_steps")
    steps = f" or {whole(limit)} steps" if limit is not None else ""
    return f"{run.seconds:g} s{steps} on {fingerprint(run)}"


def _data(run: Run) -> str:
    name = printable(str(run.summary.get("dataset") or ""))
    # As many digits as tell data sets apart by eye.
    digest = (run.fact("data.hash") or "")[:8]
    return " ".join(filter(None, (name, digest))) or NOT_RECORDED


def _machine(run: Run) -> str:
    name = run.fact("hardware.device_name") or "a device that is not recorded"
    return f"{fingerprint(run)}: {name}"


_SHOWN: dict[str, Callable[[Run], str]] = {
    "time of training": lambda run: _time(run),
    "tokens seen": lambda run: _tokens(run, "tokens") if run.seconds is None else "by time",
    "data": _data,
    "tokens evaluated": lambda run: _tokens(run, "val_tokens"),
}


def _doubts(run: Run) -> list[str]:
    """What the run itself says of numbers that are too good to be true."""
    doubts = find(run.summary, "throughput.doubts")
    return [printable(str(doubt)) for doubt in doubts] if isinstance(doubts, list) else []


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
