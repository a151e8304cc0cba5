"""The plan of a matrix: which runs, where, how long; written as matrix.json and matrix.mk.

The plan's folder is named after the runs it holds, so another set of runs is another folder and
no matrix is ever mixed with another.
"""

import hashlib
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt2.budget import check_fit, tokens_per_step, total_steps
from gpt2.dataset_choice import data_arguments
from gpt2.datasets import dataset_folder, read_manifest
from gpt2.exchange.source import check_source
from gpt2.reciprocal.options import step_of
from gpt2.reciprocal.steps import CONTROL, STEPS
from lib.arms import budget_label, run_settings
from lib.cli import ROOT
from lib.current import config_file
from lib.files import write_atomic
from lib.kconfig import Config, Configuration
from lib.runs import SCHEMA, RunDirectory, RunFolders, now, run_name, short_hash
from scripts.matrix.expand import STEPS_AXIS, Expansion, Run, expand

# What a target of Make cannot have; names of runs have none of it.
NOT_IN_TARGETS = " \t\n:#%$=;'\"\\*?[]|&<>()~"


@dataclass(frozen=True)
class PlannedRun:
    """One run of the plan, its folder, and what it will cost."""

    run: Run
    directory: RunDirectory
    settings: dict[str, Any]
    steps: int | None
    train_tokens: int | None

    @property
    def tokens(self) -> int | None:
        return None if self.steps is None else self.steps * tokens_per_step(self.settings)


@dataclass(frozen=True)
class Plan:
    """All runs of a matrix."""

    configuration: Configuration
    expansion: Expansion
    runs: list[PlannedRun]

    @property
    def config(self) -> Config:
        return self.configuration.typed()

    @property
    def id(self) -> str:
        """Equal for equal sets of runs, whatever options that cannot change a result say."""
        hashes = "\n".join(sorted(planned.run.hash for planned in self.runs))
        digest = hashlib.sha256(hashes.encode()).hexdigest()
        return f"{self.config.MATRIX_NAME}-{short_hash(digest)}"

    @property
    def results(self) -> Path:
        return ROOT / self.config.RESULTS_DIR

    @property
    def folder(self) -> Path:
        return self.results / "matrices" / self.id

    def pending(self) -> list[PlannedRun]:
        return [planned for planned in self.runs if planned.directory.summary() is None]

    def write(self) -> None:
        """Freeze the runs and write matrix.json and matrix.mk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for planned in self.runs:
            planned.directory.freeze(planned.run.configuration)
        write_atomic(self.folder / "matrix.json", json.dumps(self.as_json(), indent=1) + "\n")
        write_atomic(self.folder / "matrix.mk", self.as_makefile())

    def as_json(self) -> dict[str, Any]:
        """matrix.json: everything that the report and the status need to know of the plan."""
        place = {planned.run.hash: f"runs/{planned.directory.name}" for planned in self.runs}
        return {
            "schema": SCHEMA,
            "name": self.config.MATRIX_NAME,
            "id": self.id,
            "created": self._created(),
            "config_from": self.configuration.origin or config_file().name,
            "command": "make test-matrix" if len(self.runs) > 1 else "make train",
            "axes": self.expansion.axes,
            "runs": [
                {
                    "dir": place[planned.run.hash],
                    "name": run_name(planned.run.configuration.typed()),
                    "hash": planned.run.hash,
                    "arm": planned.run.arm,
                    "seed": planned.settings["SEED"],
                    "axes": planned.run.axes,
                    "budget": planned.run.budget,
                    "steps": planned.steps,
                    "tokens": planned.tokens,
                }
                for planned in self.runs
            ],
            "budget": self.budget,
            "baseline": self.baseline(self.budget),
            "baselines": {budget: self.baseline(budget) for budget in self.other_budgets},
            "controls": self.controls(),
            "skipped": [
                {"axes": axes, "reason": reason} for axes, reason in self.expansion.skipped
            ],
            "merged": [
                {"axes": same.axes, "same_as": place[same.run.hash]}
                for same in self.expansion.merged
            ],
            "parity": self.parity(),
        }

    def _created(self) -> str:
        """When these runs were first planned; now, where no earlier plan can be read."""
        try:
            return str(json.loads((self.folder / "matrix.json").read_text())["created"])
        except (OSError, ValueError, KeyError, TypeError):
            return now()

    @property
    def budget(self) -> str:
        """The plan's own budget, of which alone the verdict speaks: what its options say or, where
        a sweep leaves that out, what comes first."""
        own = budget_label(self.config)
        budgets = [planned.run.budget for planned in self.runs]
        return own if own in budgets else budgets[0]

    @property
    def other_budgets(self) -> list[str]:
        """The budgets of runs that are not compared with the plan's own, in the plan's order."""
        budgets = dict.fromkeys(planned.run.budget for planned in self.runs)
        return [budget for budget in budgets if budget != self.budget]

    def baseline(self, budget: str) -> str | None:
        """The arm that the others of a budget are compared with: dense AdamW or, where that is not
        planned, the first arm that prunes nothing. None where there is nothing to compare."""
        runs = [planned for planned in self.runs if planned.run.budget == budget]
        dense = [p for p in runs if p.settings["PRUNING_METHOD"] == "none"]
        dense.sort(key=lambda planned: planned.settings["OPTIMIZER"] != "adamw")
        return dense[0].run.arm if dense and len({p.run.arm for p in runs}) > 1 else None

    def controls(self) -> dict[str, str | None]:
        """By the arm of a step of the reciprocal attention study, the arm of its plain twin under
        equal conditions; None where that is not planned."""
        arms = {_place(planned.run.axes): planned.run.arm for planned in self.runs}
        found: dict[str, str | None] = {}
        for planned in self.runs:
            step = step_of(planned.settings)
            if step is not None and step.name in CONTROL:
                control = STEPS[CONTROL[step.name]].label.lower()
                axes = planned.run.axes | {STEPS_AXIS: control}
                found[planned.run.arm] = arms.get(_place(axes))
        return found

    def parity(self) -> dict[str, dict[str, Any]]:
        """Every option that can change a result, is not compared, and yet differs between arms.

        An option that only some arms have is a part of what is compared, and so is one that a
        preset fixes.
        """
        by_symbol: dict[str, dict[str, Any]] = {}
        for planned in self.runs:
            configuration = planned.run.configuration
            for symbol, value in configuration.typed().relevant().items():
                if configuration.is_free(symbol):
                    by_symbol.setdefault(symbol, {})[planned.run.arm] = value
        compared = set(self.expansion.axes) | self.expansion.compared
        symbols = self.configuration.tree.symbols
        # A time that is compared with none takes the place of the steps.
        compared |= {symbols[name].replaces for name in compared if name in symbols}
        return {
            symbol: values
            for symbol, values in by_symbol.items()
            if symbol not in compared and len({json.dumps(v) for v in values.values()}) > 1
        }

    def as_makefile(self) -> str:
        """matrix.mk: each run is a target, its file the summary that appears last and whole.

        Make reads it in the folder of results, so that no target has the path in it: Make cannot
        have blanks and punctuation there.
        """
        python = in_recipe(sys.executable)
        # One simple command, which Make begins itself: a signal to Make reaches the run, and not a
        # shell that would leave it behind.
        train = f"$(value LAUNCHER) {python} {in_recipe(str(ROOT / 'gpt2' / 'train.py'))}"
        is_ready = f"cd {in_recipe(str(ROOT))} && exec {python} -m scripts gpt2.ready"
        targets, rules = [], []
        needs: dict[tuple[Any, ...], str] = {}
        for planned in self.runs:
            target = f"runs/{planned.directory.name}/summary.json"
            assert set(target).isdisjoint(NOT_IN_TARGETS), target
            folder = in_recipe(str(planned.directory.path))
            targets.append(target)
            # One check of device and data serves all runs that need the same; runs that have
            # ended need none.
            ready = ""
            if planned.directory.summary() is None:
                key = readiness(planned.settings)
                if key not in needs:
                    needs[key] = f"ready-{len(needs) + 1}"
                    rules.append(f"{needs[key]}:\n\t@{is_ready} --run {folder}\n")
                ready = f" | {needs[key]}"
            rules.append(f"{target}:{ready}\n\t@{train} --run {folder}\n")
        return "\n".join(
            [
                "# Generated from the plan in matrix.json; `make` writes it anew.",
                "# It is read in the folder of results: make -C results -f matrices/NAME/matrix.mk",
                "# A run that fails leaves its summary, so .DELETE_ON_ERROR must not be set here.",
                f".PHONY: all {' '.join(needs.values())}".rstrip(),
                f".PRECIOUS: {' '.join(targets)}",
                f"all: {' '.join(targets)}",
                "",
                *rules,
            ]
        )


def plan(configuration: Configuration, has_controls: bool = True) -> Plan:
    """Expand and place the runs. Raises ValueError for options that do not fit together."""
    expansion = expand(configuration, has_controls)
    manifests: dict[Path, int | None] = {}
    runs = []
    folders = RunFolders(ROOT / configuration.typed().RESULTS_DIR)
    for run in expansion.runs:
        config = run.configuration.typed()
        settings = run_settings(config)
        folder = dataset_folder(**data_arguments(settings))
        if folder not in manifests:
            manifest = read_manifest(folder)
            manifests[folder] = manifest.split("train").tokens if manifest else None
        steps = total_steps(settings, manifests[folder])
        check_fit(settings, steps)
        directory = folders.of(config)
        if not directory.path.exists():
            check_source(settings)
        runs.append(PlannedRun(run, directory, settings, steps, manifests[folder]))
    return Plan(configuration, expansion, runs)


def _place(axes: dict[str, Any]) -> str:
    """Where a run stands on the axes, without its seed."""
    return json.dumps({name: axes[name] for name in sorted(axes) if name != "SEED"})


def readiness(settings: dict[str, Any]) -> tuple[Any, ...]:
    """What gpt2/ready.py looks at: runs that agree in it are ready together."""
    data = data_arguments(settings)
    device = (settings["DEVICE"], settings["DEVICE_MEMORY_GIB"], settings["DTYPE"])
    return (*device, *map(str, data.values()))


def shown(path: Path) -> str:
    """A path as people see it: relative to the repository where it is inside."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def in_recipe(text: str) -> str:
    """One word for the shell in a recipe of Make, whatever characters are in it.

    Raises ValueError for a line end, which no recipe can have, and for bytes that are no UTF-8:
    PyTorch opens no file below them.
    """
    if "\n" in text:
        raise ValueError(f"Make cannot have the line end in {text!r}. Move or rename that folder.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"PyTorch opens no file below {text!a}, which is not in UTF-8. Move or rename that "
            "folder."
        ) from error
    return shlex.quote(text).replace("$", "$$")
