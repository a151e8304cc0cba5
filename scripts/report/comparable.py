"""What may be compared with what: the rules of the scoreboard, and of any other set of runs.

Runs are comparable if they saw the same tokens of the same data and were evaluated on the same
ones; time and memory only on one hardware fingerprint, and time only of runs that did not share
the machine. Runs that a time ends are comparable among themselves alone: those that had as many
seconds of training on the same hardware, one at a time, whatever tokens they saw in them.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from .columns import FACT, QUALITY, TIME, Column
from .load import Run, find


def fingerprint(run: Run) -> str:
    return run.fact("hardware.fingerprint") or "unknown"


def _time(run: Run) -> tuple[Any, ...] | None:
    """A budget in time: seconds say something only with the machine whose seconds they are."""
    if run.seconds is None:
        return None
    return run.seconds, run.number("budget.most_steps"), fingerprint(run)


CONDITIONS: dict[str, Callable[[Run], Any]] = {
    "time of training": _time,
    "tokens seen": lambda run: run.number("tokens") if run.seconds is None else None,
    "data": lambda run: run.fact("data.hash") or str(run.summary.get("dataset")),
    "tokens evaluated": lambda run: run.number("val_tokens"),
}
"""What must be equal for two runs to be compared at all."""


def conditions(run: Run) -> tuple[Any, ...]:
    return tuple(read(run) for read in CONDITIONS.values())


def overlap(spans: Sequence[tuple[str, str]]) -> bool:
    """Whether two of these (start, end) overlap. UTC in ISO 8601 sorts as text."""
    return any(later[0] < earlier[1] for earlier, later in pairwise(sorted(spans)))


class Comparable:
    """Some finished runs under these rules; a subclass says which."""

    @property
    def done(self) -> Sequence[Run]:
        """The runs whose numbers are compared."""
        raise NotImplementedError

    @cached_property
    def is_one_budget(self) -> bool:
        is_one = len({conditions(run) for run in self.done}) <= 1
        return is_one and not (self.is_by_time and self.shared_machine)

    @cached_property
    def is_by_time(self) -> bool:
        """Whether a time ended some of the runs."""
        return any(run.seconds is not None for run in self.done)

    @cached_property
    def fingerprints(self) -> list[str]:
        return sorted(set(map(fingerprint, self.done)))

    @cached_property
    def is_one_machine(self) -> bool:
        return len(self.fingerprints) <= 1

    @cached_property
    def shared_machine(self) -> bool:
        """Whether finished runs overlapped in time on one device, so that they slowed each other.

        Runs on two GPUs of a host do not count. A run on the processor shares it with every other.
        """
        # Host, then GPU ("" for the processor, and where the GPU was not recorded).
        spans: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for run in self.done:
            for attempt in run.provenance.get("attempts") or ():
                start, end = find(attempt, "start"), find(attempt, "end")
                if isinstance(start, str) and isinstance(end, str):
                    of_host = spans.setdefault(run.fact("host") or "", {})
                    of_host.setdefault(find(attempt, "gpu") or "", []).append((start, end))
        return any(
            overlap(on_device + of_host.get("", []) if gpu else on_device)
            for of_host in spans.values()
            for gpu, on_device in of_host.items()
        )

    def is_ranked(self, column: Column) -> bool:
        """Whether the runs may be compared in this column at all."""
        if column.kind == FACT or not self.is_one_budget:
            return False
        if column.kind == QUALITY:
            return True
        return self.is_one_machine and not (column.kind == TIME and self.shared_machine)
