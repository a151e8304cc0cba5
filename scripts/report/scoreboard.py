"""One row per arm, aggregated over its finished seeds, and what may be compared with what.

Only finished runs enter a number; the others stay in the status. Runs are comparable if they saw
the same tokens of the same data and were evaluated on the same ones; time and memory only on one
hardware fingerprint, and time only of runs that did not share the machine.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from . import formats
from .load import Matrix, Run, find
from .statistics import NOTHING, Estimate, paired

QUALITY, MEMORY, TIME, FACT = "quality", "memory", "time", "fact"


@dataclass(frozen=True)
class Column:
    """A column of the scoreboard."""

    key: str
    title: str
    unit: str
    source: str
    """Where in summary.json the numbers come from, for people."""
    kind: str
    """QUALITY, MEMORY and TIME are ranked under the rules above; FACT is not."""
    read: Callable[[Run], float | None]
    format: Callable[[float], str]
    better: int = 0
    """-1 where less is better, +1 where more is; 0 where neither is."""
    shows_spread: bool = False


@dataclass(frozen=True)
class Row:
    """An arm."""

    arm: str
    runs: tuple[Run, ...]
    cells: dict[str, Estimate]
    is_pruned: bool
    is_baseline: bool

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


class Scoreboard:
    """The rows of a matrix in the order of its plan."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.columns = _columns(matrix.runs)
        self.rows = [self._row(arm, runs) for arm, runs in matrix.arms.items()]

    def _row(self, arm: str, runs: tuple[Run, ...]) -> Row:
        done = [run for run in runs if run.is_done]
        cells = {column.key: _estimate(done, column.read) for column in self.columns}
        is_baseline = arm == self.matrix.baseline
        base = [run for run in self.matrix.arms.get(self.matrix.baseline, ()) if run.is_done]
        for key, read in (("difference", loss_of), ("perplexity_difference", perplexity_of)):
            cells[key] = NOTHING if is_baseline else differences(done, base, read)
        return Row(arm, runs, cells, any(run.is_pruned for run in runs), is_baseline)

    @property
    def done(self) -> list[Run]:
        return [run for run in self.matrix.runs if run.is_done]

    @cached_property
    def baseline(self) -> Row | None:
        return next((row for row in self.rows if row.is_baseline), None)

    @cached_property
    def budgets(self) -> list[float]:
        """The different numbers of tokens that finished runs were trained on."""
        return sorted({run.number("tokens") for run in self.done} - {None})

    @cached_property
    def is_one_budget(self) -> bool:
        return len({conditions(run) for run in self.done}) <= 1

    @cached_property
    def fingerprints(self) -> list[str]:
        return sorted({run.fact("hardware.fingerprint") or "unknown" for run in self.done})

    @cached_property
    def is_one_machine(self) -> bool:
        return len(self.fingerprints) <= 1

    @cached_property
    def shared_machine(self) -> bool:
        """Whether finished runs overlapped in time on one host, so that they slowed each other."""
        spans: dict[str, list[tuple[str, str]]] = {}
        for run in self.done:
            for attempt in run.provenance.get("attempts") or ():
                start, end = find(attempt, "start"), find(attempt, "end")
                if isinstance(start, str) and isinstance(end, str):
                    # UTC in ISO 8601 sorts as text.
                    spans.setdefault(run.fact("host") or "", []).append((start, end))
        return any(b[0] < a[1] for s in spans.values() for a, b in pairwise(sorted(s)))

    def is_ranked(self, column: Column) -> bool:
        """Whether arms may be compared in this column at all."""
        if column.kind == FACT or not self.is_one_budget:
            return False
        if column.kind == QUALITY:
            return True
        return self.is_one_machine and not (column.kind == TIME and self.shared_machine)

    def is_best(self, row: Row, column: Column) -> bool:
        """Whether the row may be called the best of a column: the only bold numbers.

        It takes every planned seed, and a 95 % interval of the paired difference to each other
        arm, so at least three pairs, that lies on the good side of zero.
        """
        if not (column.better and row.is_complete and self.is_ranked(column)):
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
    left = {run.seed: run for run in runs}
    right = {run.seed: run for run in others}
    both = [
        seed
        for seed in left.keys() & right.keys()
        if conditions(left[seed]) == conditions(right[seed])
        and read(left[seed]) is not None
        and read(right[seed]) is not None
    ]
    return paired({s: read(left[s]) for s in both}, {s: read(right[s]) for s in both})


def conditions(run: Run) -> tuple[Any, ...]:
    """What must be equal for two runs to be compared: tokens seen, data, tokens evaluated."""
    data = run.fact("data.hash") or run.summary.get("dataset")
    return run.number("tokens"), data, run.number("val_tokens")


def loss_of(run: Run) -> float | None:
    return run.number("val_loss")


def perplexity_of(run: Run) -> float | None:
    return run.number("val_perplexity")


def training_bytes(run: Run) -> float | None:
    """Weights, gradients and optimizer state in bytes; None if one of them was not measured."""
    parts = [run.number(f"memory.{part}_bytes") for part in ("weights", "gradients", "optimizer")]
    return None if None in parts else sum(parts)


def _estimate(runs: Iterable[Run], read: Callable[[Run], float | None]) -> Estimate:
    return Estimate(tuple(value for run in runs if (value := read(run)) is not None))


def _number(name: str) -> Callable[[Run], float | None]:
    return lambda run: run.number(name)


def _columns(runs: Iterable[Run]) -> list[Column]:
    done = [run for run in runs if run.is_done]

    def plain(key: str, title: str, unit: str, source: str, kind: str, **rest: Any) -> Column:
        return Column(key, title, unit, source, kind, _number(source), **rest)

    def memory(
        key: str, title: str, source: str, read: Callable[[Run], float | None], kind: str = MEMORY
    ) -> Column:
        # Masks are the price of the methods that have them, nothing to be best at.
        better = -1 if kind == MEMORY else 0
        return Column(key, title, "MiB", source, kind, read, formats.mebibytes, better)

    walls = [value for run in done if (value := run.number("time.total_s")) is not None]
    wall_divisor, wall_unit = formats.second_unit(walls)
    peaks = {
        "rss": ("peak_rss", "Peak memory of the process"),
        "allocated": ("peak_allocated", "Peak memory on the device"),
    }
    kinds = [kind for kind in peaks if any(run.memory_kind == kind for run in done)]
    return [
        plain(
            "sparsity", "Sparsity", "of prunable", "pruning.achieved_sparsity", FACT,
            format=formats.share,
        ),
        plain(
            "perplexity", "Perplexity", "validation", "val_perplexity", QUALITY,
            format=formats.significant, better=-1, shows_spread=True,
        ),
        plain(
            "loss", "Loss", "nats", "val_loss", QUALITY,
            format=formats.loss, better=-1, shows_spread=True,
        ),
        # Of two arms, so no single run has it: the rows fill it in.
        Column(
            "difference", "Loss - baseline", "nats", "val_loss, paired by seed", FACT,
            lambda run: None, formats.difference, shows_spread=True,
        ),
        plain(
            "bits_per_byte", "Bits per byte", "validation", "val_bits_per_byte", QUALITY,
            format=formats.loss, better=-1,
        ),
        *(
            memory(*peaks[kind], f"memory.peak_{kind}_bytes", lambda run, kind=kind: run.peak(kind))
            for kind in kinds
        ),
        memory(
            "optimizer_state", "Optimizer state", "memory.optimizer_bytes",
            _number("memory.optimizer_bytes"),
        ),
        memory(
            "training_state", "Weights, gradients, state",
            "memory.weights_bytes + gradients_bytes + optimizer_bytes", training_bytes,
        ),
        memory("masks", "Masks", "memory.mask_bytes", _number("memory.mask_bytes"), FACT),
        plain(
            "step_ms", "Step", "ms, median", "time.step_ms_median", TIME,
            format=formats.significant, better=-1,
        ),
        plain(
            "tokens_per_s", "Tokens/s", "training", "throughput.tokens_per_s", TIME,
            format=formats.whole, better=1,
        ),
        plain(
            "wall", "Wall time", wall_unit, "time.total_s", TIME,
            format=lambda value: formats.one_decimal(value / wall_divisor), better=-1,
        ),
    ]  # fmt: skip
