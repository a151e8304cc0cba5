"""Which matrix was run last, for a report or a state that is asked for without saying of which.

Each matrix that is run leaves last-run.json in its folder. Where `.config` is still the one that it
was run with, `make report` means that matrix, with whatever the command line of `make` added.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.current import stored_layer
from lib.files import write_atomic
from lib.kconfig import Configuration
from scripts.matrix.plan import Plan, plan, shown

NAME = "last-run.json"


@dataclass(frozen=True)
class LastRun:
    """A matrix, and what it was run with."""

    folder: Path
    time_ns: int
    config_hash: str
    """Of `.config` alone."""
    added: Mapping[str, str]
    """What the command line changed of it, by option."""

    @property
    def with_added(self) -> str:
        """The same for a sentence."""
        words = " ".join(f"{name}={value}" for name, value in self.added.items())
        return f", with {words}" if words else ""


def record(the_plan: Plan) -> None:
    """Remember that this matrix is run now."""
    configuration = the_plan.configuration
    facts = {
        "time_ns": time.time_ns(),
        "config_hash": _stored_hash(configuration),
        "added": _added(configuration),
    }
    write_atomic(the_plan.folder / NAME, json.dumps(facts) + "\n")


def last_run(results: Path) -> LastRun | None:
    """The newest record below the results folder; None where no matrix has been run."""
    found = []
    for path in (results / "matrices").glob(f"*/{NAME}"):
        if not (path.parent / "matrix.json").is_file():
            continue
        try:
            facts = json.loads(path.read_text("utf-8"))
            values = int(facts["time_ns"]), str(facts["config_hash"]), dict(facts["added"])
            found.append(LastRun(path.parent, *values))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return max(found, key=lambda run: run.time_ns, default=None)


def matrix_to_show(configuration: Configuration) -> tuple[Path, str]:
    """The folder of the matrix that a report means, and a line that says which that is.

    configuration: `.config` with what the command line adds. Where that adds something, it decides.
    Else it is the matrix that was run last, unless another `.config` has been loaded since and has
    a matrix of its own. Raises ValueError for options that do not fit together.
    """
    the_plan = plan(configuration)
    stored = _stored_hash(configuration)
    last = last_run(the_plan.results)
    if configuration.typed().hash != stored or last is None or last.folder == the_plan.folder:
        return the_plan.folder, f"matrix {the_plan.id}, which the configuration describes"
    if last.config_hash != stored and (the_plan.folder / "matrix.json").is_file():
        line = f"matrix {the_plan.id} of .config; run last was {shown(last.folder)}"
        return the_plan.folder, line + last.with_added
    return last.folder, f"matrix {last.folder.name}, run last{last.with_added}"


def plan_to_show(configuration: Configuration) -> tuple[Plan, str]:
    """The plan whose state is asked for, and a line that says which that is.

    As for a report, but `.config` has a state also before its matrix is run, so that the last
    matrix is meant only while `.config` is the one that it was run with. Raises ValueError as
    `matrix_to_show`.
    """
    the_plan = plan(configuration)
    own = the_plan, f"matrix {the_plan.id}, which the configuration describes"
    stored = _stored_hash(configuration)
    last = last_run(the_plan.results)
    if configuration.typed().hash != stored or last is None or last.config_hash != stored:
        return own
    again = plan(configuration.derive(last.added, "run last"))
    if again.folder == the_plan.folder or again.folder != last.folder:
        return own
    return again, f"matrix {again.id}, run last{last.with_added}"


def _added(configuration: Configuration) -> dict[str, str]:
    """What the command line says, as people write it: OPTIMIZER=adamw, not OPTIMIZER_ADAMW=y."""
    tree, added = configuration.tree, {}
    for request in configuration.requested().values():
        group = tree.groups.get(tree.symbols[request.name].group or "")
        if request.kind == "override" and group is None:
            added[request.name] = request.value
        elif request.kind == "override" and group is not None and request.value == "y":
            member = group.value_of(request.name)
            added[group.name] = f"{added[group.name]},{member}" if group.name in added else member
    return added


def _stored_hash(configuration: Configuration) -> str:
    return configuration.tree.resolve([stored_layer()]).typed().hash
