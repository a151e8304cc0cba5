"""A matrix and its runs as plain records, read from files alone; curves are read when asked for.

Tolerant of whatever a run left behind: a summary may be missing, half empty or another run's, rows
may be torn. What is not there is None and stays None; no reader of this file turns it into 0.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.flops import RANKED
from lib.metrics import read_metrics
from lib.runs import RunDirectory, RunFolders

SCHEMA = 1
LOG_LINES = 20
LOG_TAIL_BYTES = 16384


@dataclass(frozen=True)
class Run:
    """One planned run and what its folder says about it."""

    dir: str
    """Relative to the results folder: "runs/<name>-<hash8>"."""
    arm: str
    seed: int
    axes: Mapping[str, Any]
    budget: str
    """What it trains otherwise than so many steps: "", "+21%steps", "+60s" (lib/arms.py)."""
    planned_steps: int | None
    planned_tokens: int | None
    folder: Path
    state: str
    """done, failed, diverged or pending."""
    live: str
    """What "pending" is at this moment: "running", "interrupted" or ""."""
    reason: str
    summary: Mapping[str, Any] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)

    def number(self, name: str) -> float | None:
        """A measured number by its dotted name in summary.json ("memory.mask_bytes"), or None."""
        value = find(self.summary, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number and math.isfinite(value) else None

    def fact(self, name: str) -> str | None:
        """A fact by its dotted name in run.json ("hardware.fingerprint") as text, or None."""
        value = find(self.provenance, name)
        return None if value is None or isinstance(value, dict | list) else printable(str(value))

    @property
    def seconds(self) -> float | None:
        """The seconds of training that ended the run; None for one of so many steps."""
        return self.number("budget.seconds")

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    @property
    def is_pruned(self) -> bool:
        return self.axes.get("PRUNING_METHOD") not in (None, "none")

    @property
    def memory_kind(self) -> str:
        """Which peak this run can state: "allocated" by the device, or "rss" of the process."""
        device = self.fact("hardware.device")
        if device is None:
            device = "cpu" if self.number("memory.peak_allocated_bytes") is None else "device"
        return "rss" if device == "cpu" else "allocated"

    def peak(self, kind: str) -> float | None:
        """Peak memory in bytes, if this run's is of that kind; the two are never mixed."""
        return self.number(f"memory.peak_{kind}_bytes") if kind == self.memory_kind else None

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """Evaluations on the validation split in step order, as they are in metrics.jsonl."""
        rows = read_metrics(self.folder / "metrics.jsonl", kinds=("eval",))
        return [row for row in rows if row.get("split", "validation") == "validation"]

    @cached_property
    def prunings(self) -> list[dict[str, Any]]:
        """Pruning events in step order."""
        return read_metrics(self.folder / "metrics.jsonl", kinds=("prune",))

    @cached_property
    def last_step(self) -> int | None:
        """How far the run came: by its summary or, without one, by its last row of metrics."""
        if self.number("steps") is not None:
            return int(self.number("steps"))
        rows = read_metrics(self.folder / "metrics.jsonl")
        return int(rows[-1]["step"]) if rows else None

    @cached_property
    def log_tail(self) -> list[str]:
        """The last lines of train.log, without control characters."""
        try:
            with open(self.folder / "train.log", "rb") as file:
                file.seek(max(0, file.seek(0, 2) - LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        return [printable(line) for line in text.splitlines()[-LOG_LINES:]]


@dataclass(frozen=True)
class Matrix:
    """A plan (matrix.json) and its runs, in the order of the plan."""

    folder: Path
    plan: Mapping[str, Any]
    runs: tuple[Run, ...]
    notes: tuple[str, ...]
    """What had to be put right while reading, for people."""

    @property
    def id(self) -> str:
        return printable(str(self.plan.get("id") or self.folder.name))

    @property
    def results(self) -> Path:
        return self.folder.parent.parent

    @cached_property
    def arms(self) -> dict[str, tuple[Run, ...]]:
        """The runs of each arm in order of seed; arms in the order of the plan."""
        arms: dict[str, list[Run]] = {}
        for run in self.runs:
            arms.setdefault(run.arm, []).append(run)
        return {arm: tuple(sorted(runs, key=lambda run: run.seed)) for arm, runs in arms.items()}

    @property
    def own_budget(self) -> str:
        """The budget that the plan is about; "" also for plans that name none."""
        return printable(str(self.plan.get("budget") or ""))

    @cached_property
    def other_budgets(self) -> tuple[str, ...]:
        """Budgets of runs that are not compared with the plan's own."""
        return tuple(dict.fromkeys(r.budget for r in self.runs if r.budget != self.own_budget))

    @property
    def baseline(self) -> str | None:
        """The arm that the others are compared with, if the plan names one of its arms."""
        return self.baseline_of(self.own_budget)

    def baseline_of(self, budget: str) -> str | None:
        """As `baseline`, of the arms of one budget."""
        others = self.plan.get("baselines") or {}
        named = self.plan.get("baseline") if budget == self.own_budget else others.get(budget)
        runs = self.arms.get(named, ()) if isinstance(named, str) else ()
        return named if runs and runs[0].budget == budget else None

    @cached_property
    def totals(self) -> dict[str, int]:
        """Planned combinations by state; the five add up to what was planned."""
        totals = dict.fromkeys(("done", "failed", "diverged", "pending"), 0)
        for run in self.runs:
            totals[run.state] += 1
        return totals | {"skipped": len(self.skipped)}

    @property
    def skipped(self) -> list[dict[str, Any]]:
        """Combinations left out on purpose, each with its reason."""
        return list(self.plan.get("skipped") or ())

    @property
    def merged(self) -> list[dict[str, Any]]:
        """Combinations that are the same run as another one."""
        return list(self.plan.get("merged") or ())


def load_matrix(folder: Path) -> Matrix:
    """Read the plan in `folder` (results/matrices/<id>) and the summary of each of its runs.

    Raises ValueError if there is no plan to read; nothing else in the folders can stop it.
    """
    path = folder / "matrix.json"
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}). "
            "Name a folder below results/matrices; `make` plans one."
        ) from None
    except ValueError:
        raise ValueError(f"{path} is not whole JSON. Run `make` to write the plan again.") from None
    if not isinstance(plan, dict) or plan.get("schema") != SCHEMA:
        raise ValueError(
            f"{path} is not a plan of schema {SCHEMA}. Run `make` to write the plan again."
        )
    folder = folder.absolute()
    entries = {entry["dir"]: entry for entry in plan.get("runs") or ()}
    repeated = len(plan.get("runs") or ()) - len(entries)
    notes = (f"{repeated} rows of the plan repeat another one and count once.",) if repeated else ()
    labels = _labels(entries)
    runs = (_load_run(folder.parent.parent, entry, labels[key]) for key, entry in entries.items())
    return Matrix(folder, plan, tuple(runs), notes)


def _load_run(results: Path, entry: Mapping[str, Any], arm: str) -> Run:
    place = str(entry["dir"])
    if not (results / place).is_dir():
        # Whatever its folder is called by now: the hash says which run it is.
        found = RunFolders(results).named(Path(place).name)
        place = f"runs/{found.name}" if found is not None else place
    return load_run(
        RunDirectory(results / place),
        dir=place,
        arm=arm,
        seed=entry["seed"],
        axes=entry.get("axes") or {},
        budget=printable(str(entry.get("budget") or "")),
        planned_steps=entry.get("steps"),
        planned_tokens=entry.get("tokens"),
    )


def load_run(directory: RunDirectory, **planned: Any) -> Run:
    """A run with what its folder says; `planned`: the fields of Run that a plan knows."""
    state = directory.state()
    return Run(
        folder=directory.path,
        state=state,
        live=directory.live() if state == "pending" else "",
        reason=printable(str(directory.reason() or "")),
        summary=_by_exact_flops(directory.summary() or {}),
        provenance=directory.provenance() or {},
        **planned,
    )


def _by_exact_flops(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The summary with its shares made of the exact FLOPs.

    A run of before the exact count was ranked made them of PaLM's, which counts the token embedding
    of a model with a head of its own, and must not win by that. The exact count stands in it too.
    """
    speed = find(summary, "throughput")
    exact = find(summary, f"throughput.flops_per_token_by_convention.{RANKED}")
    stated = find(summary, "throughput.flops_per_token")
    if not isinstance(exact, int) or not isinstance(stated, int) or stated in (0, exact):
        return summary
    shares = ("achieved_tflops", "mfu", "share_of_matmul")
    restated = {
        name: speed[name] * exact / stated
        for name in shares
        if isinstance(speed.get(name), int | float)
    }
    useful = speed.get("useful_flops_per_token")
    if isinstance(useful, int):
        restated["useful_flops_per_token"] = useful - stated + exact
    return {**summary, "throughput": speed | restated | {"flops_per_token": exact}}


def _labels(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A label for each run that no other arm has.

    Labels of the plan may leave out a swept option. Runs that differ in more than the seed must
    not be averaged, so such labels get the options in which their runs differ.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries.values():
        groups.setdefault(entry["arm"], []).append(_settings(entry))
    labels = {}
    for key, entry in entries.items():
        settings, peers = _settings(entry), groups[entry["arm"]]
        differing = [
            f"{name}={value}"
            for name, value in settings.items()
            if any(peer.get(name) != value for peer in peers)
        ]
        labels[key] = printable(" ".join([entry["arm"], *differing]))
    return labels


def _settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (entry.get("axes") or {}).items() if name != "SEED"}


def find(tree: Mapping[str, Any], name: str) -> Any:
    """Follow a dotted name through dicts; None where it ends early."""
    value: Any = tree
    for key in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def printable(text: str) -> str:
    """`text` on one line with every control character replaced: it goes to terminals and pages."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
