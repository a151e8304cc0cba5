"""Trackers: where people watch a run beside its own files. Any set of them, or none.

They are copies of metrics.jsonl, made by a process each (`sender.py`): none can slow a run, fail it
or change a bit of it. The trainer has `lib.trackers.feed.open_feed`; docs/trackers.md says what
each tracker shows and where it keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["TRACKERS", "Kind", "chosen"]


@dataclass(frozen=True)
class Kind:
    """A tracker that can be chosen. Its Python package has the tracker's name."""

    symbol: str
    module: str
    """Has `open_tracker(job, note)`; imported by the tracker's process alone."""


TRACKERS = {
    "tensorboard": Kind("TRACKER_TENSORBOARD", "lib.trackers.tensorboard"),
    "wandb": Kind("TRACKER_WANDB", "lib.trackers.wandb"),
    "trackio": Kind("TRACKER_TRACKIO", "lib.trackers.trackio"),
}


def chosen(settings: Mapping[str, Any]) -> list[str]:
    """The names of the trackers that are on."""
    return [name for name, kind in TRACKERS.items() if settings[kind.symbol]]
