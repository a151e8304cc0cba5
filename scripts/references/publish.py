"""`make reference TARGET=NAME`: publish the matrix of the configuration below results/reference.

Refused unless every run is done, by one commit and a tree that was that commit's: a table whose
configuration or code nobody has any more is no reference.
"""

import re
from pathlib import Path

from lib.files import write_atomic
from scripts.matrix.plan import Plan
from scripts.references.folder import COMMITTED, CONFIG, REFERENCES, Reference
from scripts.report.load import Matrix, load_matrix
from scripts.report.page import write
from scripts.report.scoreboard import Scoreboard

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# The page has the figures in it once more, and a reference is read on the web as report.md.
NOT_PUBLISHED = ("report.html",)


def publish(the_plan: Plan, name: str, folder: Path = REFERENCES) -> Reference:
    """Write the reference `name` from a plan whose runs have ended.

    Raises ValueError for a name that is no folder's, and for runs that are not all done by one
    clean commit.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"TARGET={name or '(nothing)'} is no name for a reference: use small letters, digits "
            "and single dashes, as in `make reference TARGET=shakespeare-scores`"
        )
    matrix = load_matrix(the_plan.folder)
    commit = _commit(matrix)
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    write(Scoreboard(matrix), target, name)
    for unwanted in NOT_PUBLISHED:
        (target / unwanted).unlink(missing_ok=True)
    header = [f"The reference {name}: {COMMITTED}{commit}."]
    write_atomic(target / CONFIG, the_plan.configuration.text(header))
    return Reference(target)


def _commit(matrix: Matrix) -> str:
    unfinished = [run for run in matrix.runs if not run.is_done]
    if unfinished:
        raise ValueError(
            f"{len(unfinished)} of {len(matrix.runs)} runs are not done, {unfinished[0].dir} among "
            "them; `make` computes them, and then they can be published"
        )
    changed = [run for run in matrix.runs if run.fact("git.dirty") != "False"]
    if changed:
        raise ValueError(
            f"{changed[0].dir} was computed by a tree with changes that no commit holds; commit "
            "them and compute the matrix again (`make test-rerun TARGET=all`)"
        )
    commits = sorted({run.fact("git.sha") or "unknown" for run in matrix.runs})
    if len(commits) > 1:
        raise ValueError(
            f"the runs were computed by {len(commits)} commits ({', '.join(commits)}); compute "
            "them by one (`make test-rerun TARGET=all`)"
        )
    return commits[0]
