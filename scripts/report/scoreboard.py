"""One row per arm, aggregated over its finished seeds.

Only finished runs enter a number; the others stay in the status. What may be compared with what
is in comparable.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from .columns import QUALITY, Column, columns_of
from .comparable import Comparable, conditions
from .formats import whole
from .load import Matrix, Run
from .statistics import NOTHING, Estimate, paired
from .study import controls


@dataclass(frozen=True)
class Row:
    """An arm."""

    arm: str
    runs: tuple[Run, ...]
    cells: dict[str, Estimate]
    is_pruned: bool
    is_baseline: bool
    is_step: bool
    """A step of the reciprocal attention study, which is nothing without its plain twin."""
    control: str | None
    """The arm of that twin, where it is planned."""
    lacking: tuple[int, ...]
    """Seeds that a step finished and its twin did not, under equal conditions."""

    @cached_property
    def done(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.is_done)

    @property
    def status(self) -> str:
        return f"{len(self.done)}/{len(self.runs)}"

    @property
    def is_complete(self) -> bool:
        return len(self.done) == len(self.runs)

    def mean(self, key: str) -> float | None:
        return self.cells.get(key, NOTHING).mean


class Scoreboard(Comparable):
    """The rows of one budget of a matrix, in the order of its plan.

    What was trained for another budget than the plan's own stands on a board of its own, with a
    baseline of its own: `others`. Nothing is ever compared across.
    """

    def __init__(self, matrix: Matrix, budget: str | None = None) -> None:
        """`budget`: None for the plan's own."""
        self.matrix = matrix
        self.budget = matrix.own_budget if budget is None else budget
        self.is_own = self.budget == matrix.own_budget
        self.runs = [run for run in matrix.runs if run.budget == self.budget]
        self._baseline = matrix.baseline_of(self.budget)
        self.controls = controls(matrix)
        self.columns = columns_of(matrix.runs, has_controls=bool(self.controls))
        arms = {a: runs for a, runs in matrix.arms.items() if runs[0].budget == self.budget}
        self.rows = [self._row(arm, runs) for arm, runs in arms.items()]

    @cached_property
    def others(self) -> list["Scoreboard"]:
        """The boards of the other budgets, in the order of the plan; none has others itself."""
        budgets = self.matrix.other_budgets if self.is_own else ()
        return [Scoreboard(self.matrix, budget) for budget in budgets]

    def _row(self, arm: str, runs: tuple[Run, ...]) -> Row:
        done = [run for run in runs if run.is_done]
        cells = {column.key: _estimate(done, column.read) for column in self.columns}
        is_baseline = arm == self._baseline
        base = self._finished(self._baseline)
        lacking: tuple[int, ...] = ()
        if is_step := arm in self.controls:
            twins = self._finished(self.controls[arm])
            cells["effect"] = differences(done, twins, loss_of)
            # What has no twin is not compared with the baseline either.
            seen = {run.seed for run, _ in pairs(done, twins, loss_of)}
            lacking = tuple(run.seed for run in done if run.seed not in seen)
            done = [run for run in done if run.seed in seen]
        for key, read in (("difference", loss_of), ("perplexity_difference", perplexity_of)):
            cells[key] = NOTHING if is_baseline else differences(done, base, read)
        is_pruned = any(run.is_pruned for run in runs)
        control = self.controls.get(arm)
        return Row(arm, runs, cells, is_pruned, is_baseline, is_step, control, lacking)

    def _finished(self, arm: str | None) -> list[Run]:
        """What others may be compared with."""
        if self.is_by_time and self.shared_machine:
            # Each took steps from the other, so neither had the budget that it seems to have.
            return []
        return [run for run in self.matrix.arms.get(arm, ()) if run.is_done]

    @property
    def done(self) -> list[Run]:
        """The finished runs of this budget."""
        return [run for run in self.runs if run.is_done]

    @cached_property
    def baseline(self) -> Row | None:
        return next((row for row in self.rows if row.is_baseline), None)

    @cached_property
    def budgets(self) -> list[float]:
        """The different numbers of tokens that finished runs were trained on."""
        return sorted({run.number("tokens") for run in self.done} - {None})

    @property
    def budget_text(self) -> str:
        """What each finished run was given, for people: "92,160 tokens", "60 s of training";
        several where they differ, "" where it is not known."""
        seconds = {run.seconds for run in self.done} - {None}
        if seconds:
            return f"{' / '.join(f'{value:g}' for value in sorted(seconds))} s of training"
        return f"{' / '.join(map(whole, self.budgets))} tokens" if self.budgets else ""

    @property
    def tokens_text(self) -> str:
        """What finished runs saw, for people: "36,864 to 65,920 tokens"."""
        ends = dict.fromkeys(map(whole, [*self.budgets[:1], *self.budgets[-1:]]))
        return f"{' to '.join(ends) or 'unknown'} tokens"

    def is_best(self, row: Row, column: Column) -> bool:
        """Whether the row may be called the best of a column: the only bold numbers.

        It takes every planned seed, and a 95 % interval of the paired difference to each other
        arm, so at least three pairs, that lies on the good side of zero. Only the plan's own
        budget has a best.

        In a study no loss is the best, since arms differ in biases, initial weights and dropout;
        there an effect is bold whose interval lies below zero.
        """
        if self.controls and column.kind == QUALITY:
            return False
        if column.key == "effect":
            effect = row.cells.get("effect", NOTHING)
            is_whole = self.is_own and row.is_complete and not row.lacking
            return is_whole and effect.excludes_zero and effect.mean < 0
        if not (self.is_own and column.better and row.is_complete and self.is_ranked(column)):
            return False
        has_rival = False
        for other in self.rows:
            if other is row or not other.cells[column.key].n:
                continue
            gap = differences(row.done, other.done, column.read)
            if not (gap.excludes_zero and gap.mean * column.better > 0):
                return False
            has_rival = True
        return has_rival


def differences(
    runs: Iterable[Run], others: Iterable[Run], read: Callable[[Run], float | None]
) -> Estimate:
    """`runs` minus `others`, paired by seed; only pairs under the same conditions count."""
    both = pairs(runs, others, read)
    return paired({a.seed: read(a) for a, _ in both}, {b.seed: read(b) for _, b in both})


def pairs(
    runs: Iterable[Run], others: Iterable[Run], read: Callable[[Run], float | None]
) -> list[tuple[Run, Run]]:
    """Those of equal seed under the same conditions that both have the number."""
    right = {run.seed: run for run in others}
    return [
        (run, right[run.seed])
        for run in runs
        if run.seed in right
        and conditions(run) == conditions(right[run.seed])
        and read(run) is not None
        and read(right[run.seed]) is not None
    ]


def loss_of(run: Run) -> float | None:
    return run.number("val_loss")


def perplexity_of(run: Run) -> float | None:
    return run.number("val_perplexity")


def _estimate(runs: Iterable[Run], read: Callable[[Run], float | None]) -> Estimate:
    return Estimate(tuple(value for run in runs if (value := read(run)) is not None))
