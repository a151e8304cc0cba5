"""What a tracker is, and what it gets to know of a run.

A tracker is a place beside the run's own files where people watch curves: TensorBoard, Weights &
Biases, trackio. It never sees the run: its process (`sender.py`) reads metrics.jsonl and hands it
row after row, from the first row of the run, whenever that was measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

Row = Mapping[str, Any]
"""One object of metrics.jsonl."""

Note = Callable[[str], None]
"""Takes a sentence that the run's log should have."""


class Tracker(Protocol):
    """One run in one tracker. Any method may raise: the tracker is then off, the run goes on."""

    def row(self, row: Row) -> None:
        """Take one row; rows come in the order of the file. `step` falls only where a checkpoint is
        written while the training goes on: its row comes late."""

    def flush(self) -> None:
        """The rows at hand have been given: let people see them."""

    def close(self, succeeded: bool) -> None:
        """No more rows. Raises if what was given cannot be kept."""


@dataclass(frozen=True)
class Job:
    """Which run is sent, where to, and what is known of it beside its rows."""

    run: str
    """The run's name in every tracker: that of its folder."""
    id: str
    """What a server knows it by: its name, and another one where it is computed once more."""
    arm: str
    """What the run compares; runs with other seeds are of the same arm."""
    folder: Path
    """The run's folder; only trackio, which shows one folder of projects, writes elsewhere."""
    results: Path
    """The folder of all results, below which that is."""
    metrics: Path
    """The rows."""
    started_s: float
    """When the run was first started, in seconds since 1970."""
    project: str | None
    entity: str | None
    is_offline: bool
    settings: dict[str, bool | int | float | str]
    """The options of the run that have a value: its hyper-parameters."""

    @property
    def scratch(self) -> Path:
        """Where trackers keep their lock, their chatter and what else nobody looks at."""
        return self.folder / "trackers"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            name: str(getattr(self, name)) for name in ("folder", "results", "metrics")
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        return cls(
            **values | {name: Path(values[name]) for name in ("folder", "results", "metrics")}
        )
