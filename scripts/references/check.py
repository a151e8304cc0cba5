"""`make check-reference`: compute one published run again, and compare the last digit of its loss.

Equal code, configuration, data, thread count, torch and kind of processor give equal bits. So where
the last three are what they were, any difference says that this version computes something else
than the one that published; where they are not, a difference says nothing, and is not asked for.
"""

import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lib.cli import ROOT
from lib.cpu import cpu_model
from lib.runs import RunDirectory, run_name
from scripts.references.folder import CONDITIONS, PublishedRun, Reference, references


@dataclass(frozen=True)
class Verdict:
    """What came out of a run that was computed again."""

    sentence: str
    is_equal: bool


def chosen(name: str, run: str) -> tuple[Reference, PublishedRun]:
    """The reference and run that `name` and a part of a run's name mean; drawn where empty.

    Raises ValueError where there is none, or more than one.
    """
    found = [reference for reference in references() if name in ("", reference.name)]
    if not found:
        names = ", ".join(reference.name for reference in references())
        raise ValueError(f"TARGET={name} is no reference; choose from {names}")
    reference = random.choice(found)
    rows = [row for row in reference.runs() if run in row.name]
    exact = [row for row in rows if row.name == run]
    if not rows:
        names = ", ".join(row.name for row in reference.runs())
        raise ValueError(f"RUN={run} is no run of {reference.name}; choose from {names}")
    if run and len(exact or rows) > 1:
        raise ValueError(
            f"RUN={run} fits {len(rows)} runs of {reference.name}: "
            f"{', '.join(row.name for row in rows)}; give more of it"
        )
    return reference, random.choice(exact or rows)


def why_not(published: PublishedRun) -> str | None:
    """Why the last digits may differ here; None where they must not."""
    here = {"device": "cpu", "processor": cpu_model(), "torch": metadata.version("torch")}
    return difference(published.conditions, here)


def difference(there: dict[str, str], here: dict[str, str]) -> str | None:
    """The first condition in which a run here differs from the published one, as a sentence."""
    for name, value in here.items():
        if there[name] != value:
            return f"the {name} was {there[name]} and is {value} here"
    return None


def recompute(reference: Reference, published: PublishedRun, results: Path) -> RunDirectory:
    """Compute the run below `results`; returns its folder.

    Raises ValueError if the published configuration does not plan such a run any more, or if it
    does not end as done.
    """
    runs = {
        run_name(planned.run.configuration.typed()): planned
        for planned in reference.plan(results).runs
    }
    if published.name not in runs:
        raise ValueError(
            f"{reference.name}/config does not plan {published.name} any more, but "
            f"{', '.join(runs)}; publish the table again (`make reference`)"
        )
    planned = runs[published.name]
    planned.directory.freeze(planned.run.configuration)
    command = [sys.executable, "-m", "gpt2.train", "--run", str(planned.directory.path)]
    subprocess.run(command, cwd=ROOT, check=False)
    summary = planned.directory.summary()
    if summary is None or summary["status"] != "done":
        raise ValueError(f"{published.name} did not end as done; its last lines are above")
    return planned.directory


def compared(published: PublishedRun, again: RunDirectory) -> Verdict:
    """Whether the run has the published loss, or why it need not."""
    summary, provenance = again.summary() or {}, again.provenance() or {}
    loss = summary["val_loss"]
    hardware, versions = provenance["hardware"], provenance["versions"]
    facts = hardware | {"cpu_instructions": hardware["details"]["cpu_instructions"]} | versions
    here = {name: str(facts[column.rpartition(".")[2]]) for column, name in CONDITIONS.items()}
    if loss == published.loss:
        return Verdict(f"{published.name}: {loss!r}, equal to the last digit", True)
    what = f"{published.name}: {loss!r} here, {published.loss!r} by commit {published.commit[:12]}"
    reason = difference(published.conditions, here)
    if reason is not None:
        return Verdict(f"{what}; {reason}, so the last digits may differ", True)
    return Verdict(
        f"{what}, under equal conditions: this version computes something else. Find the change "
        "(`git log`), or compute the reference again and say in docs/LOG.md what moved",
        False,
    )


def check(name: str, run: str) -> Verdict:
    """Compute a run of a reference again, drawn where nothing is named."""
    reference, published = chosen(name, run)
    print(f"make check-reference TARGET={reference.name} RUN={published.name}", flush=True)
    reason = why_not(published)
    if reason is not None:
        return Verdict(f"not compared: {reason}, so the last digits may differ", True)
    with tempfile.TemporaryDirectory(prefix="bitterbench-") as folder:
        return compared(published, recompute(reference, published, Path(folder)))
