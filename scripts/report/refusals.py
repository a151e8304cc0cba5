"""Steps of the reciprocal attention study that stand without the plain twin they are compared with:
which, why, and the command that mends it.
"""

import shlex
from collections.abc import Iterable, Iterator

from gpt2.reciprocal.steps import CONTROL, STEPS

from . import formats
from .load import Matrix, Run, printable
from .provenance import command
from .scoreboard import Row, Scoreboard
from .study import step_of

NAMED = 6
"""Steps in a sentence at most."""


def refusals(board: Scoreboard) -> list[str]:
    """Which steps lack their twin, of which seeds, and what computes it."""
    rows = [row for each in (board, *board.others) for row in each.rows if row.is_step]
    alone = [_without_a_twin(board.matrix, row) for row in rows if row.control is None]
    if alone[NAMED:]:
        further = formats.count(len(alone[NAMED:]), "further step")
        alone[NAMED:] = [f"No plain twin is planned for {further} either."]
    return [*alone, *_unfinished_twins(board.matrix, rows)]


def _without_a_twin(matrix: Matrix, row: Row) -> str:
    step = step_of(row.arm)
    control = CONTROL.get(step.name) if step is not None else None
    twin = f" {STEPS[control].label}" if control is not None else ""
    # A matrix brings the twin of each of its steps; one run is one run.
    make = f"{command(matrix, row.runs[0])} test-matrix"
    if len(row.runs) > 1:
        make += f" SEEDS={len(row.runs)}"
    return (
        f"{row.arm} stands here without its plain twin{twin}, so neither an effect nor a "
        f"difference from the baseline is shown. `{make}` computes both."
    )


def _unfinished_twins(matrix: Matrix, rows: Iterable[Row]) -> Iterator[str]:
    """A sentence for each way in which runs of twins are not there to be compared with."""
    groups: dict[tuple[str, str], dict[tuple[str, tuple[int, ...]], list[str]]] = {}
    for row in rows:
        if row.control is None:
            continue
        runs = {run.seed: run for run in matrix.arms[row.control]}
        by_reason: dict[tuple[str, str], list[int]] = {}
        for seed in row.lacking:
            by_reason.setdefault(_reason(runs.get(seed)), []).append(seed)
        for reason, seeds in by_reason.items():
            twins = groups.setdefault(reason, {})
            twins.setdefault((row.control, tuple(seeds)), []).append(row.arm)
    for (why, remedy), twins in groups.items():
        texts = [
            f"{control} of {formats.listing(arms[:NAMED])} "
            f"(seed{'s' if seeds[1:] else ''} {formats.listing(map(str, seeds))})"
            for (control, seeds), arms in twins.items()
        ]
        more = f"; {len(texts) - NAMED} more" if texts[NAMED:] else ""
        yield (
            f"Nothing is compared where the plain twin {why}: {'; '.join(texts[:NAMED])}{more}. "
            f"{remedy}"
        )


def _reason(run: Run | None) -> tuple[str, str]:
    """What is the matter with the twin's run of a seed, and what mends it."""
    if run is None:
        return "is not planned", "Give all arms the same SEEDS."
    if run.is_done:
        return "saw other tokens or data", "Compute both from the same data."
    if run.state == "pending":
        return "has not ended", "`make` computes the rest."
    target = shlex.quote(printable(str(run.summary.get("status"))))
    return run.state, f"`make test-rerun TARGET={target}` computes again what ended so."
