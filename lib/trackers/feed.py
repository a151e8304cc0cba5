"""All trackers of a run, as the trainer has them.

    with MetricsWriter(...) as metrics, open_feed(settings, run, console.line) as feed:
        ...
        feed.check()        # where a line is logged

Rows do not pass through here: the trackers' processes read metrics.jsonl (`sender.py`). So nothing
blocks, and what goes wrong with a tracker is one sentence in the run's log. It is said by the
trainer's own thread, inside `check` or `close`.
"""

import selectors
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from lib.arms import arm_label
from lib.cli import ROOT
from lib.metrics import METRICS_NAME
from lib.runs import RunDirectory
from lib.trackers import TRACKERS, chosen
from lib.trackers.lane import Lane
from lib.trackers.protocol import Job

# Seconds that the trackers may take at the end of a run for what is left; after Ctrl+C fewer.
PATIENCE_S = 15.0
HURRY_S = 3.0

Say = Callable[[str], None]
"""Takes a line of the run's log."""


def open_feed(settings: Mapping[str, Any], run: RunDirectory, say: Say) -> "Feed":
    """Start the chosen trackers on a run whose metrics.jsonl is there; they send all its rows.

    settings: typed values of one run. A tracker that cannot be started is a sentence, no error.
    """
    modules = {name: TRACKERS[name].module for name in chosen(settings)}
    return Feed(_lanes(modules, job_of(settings, run), say) if modules else [], say)


class Feed:
    """The trackers of one run."""

    def __init__(self, lanes: Iterable[Lane], say: Say) -> None:
        self._lanes = list(lanes)
        self._say = say

    def check(self) -> None:
        """Say what the trackers have to say. Costs microseconds and waits for nothing."""
        for lane in self._lanes:
            self._say_all(lane.listen())

    def close(self, succeeded: bool, patience_s: float = PATIENCE_S) -> None:
        """Wait until every tracker has every row, but no longer than `patience_s`.

        succeeded: whether the run reached its end, which wandb shows. No process is left behind.
        """
        deadline = time.monotonic() + patience_s
        try:
            for lane in self._lanes:
                lane.finish(succeeded)
            while waiting := [lane for lane in self._lanes if not lane.is_over]:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                _wait_for_any(waiting, left_s)
                self.check()
            for lane in self._lanes:
                self._say_all(lane.give_up(patience_s))
        finally:
            for lane in self._lanes:
                lane.end()

    def _say_all(self, notes: Sequence[str]) -> None:
        for note in notes:
            self._say(note)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        is_stopped = kind is not None and not issubclass(kind, Exception)
        self.close(kind is None, HURRY_S if is_stopped else PATIENCE_S)


def job_of(settings: Mapping[str, Any], run: RunDirectory) -> Job:
    """What the trackers get to know of a run."""
    attempts = run.attempts()
    start = attempts[0]["start"] if attempts else None
    # What `make test-rerun` has set aside: those rows are no part of this run.
    former = len(list(run.path.glob(f"{METRICS_NAME}.attempt-*")))
    return Job(
        run=run.name,
        id=f"{run.name}.{1 + former}" if former else run.name,
        arm=arm_label(settings),
        folder=run.path,
        results=ROOT / settings["RESULTS_DIR"],
        metrics=run.metrics_path,
        started_s=datetime.fromisoformat(start).timestamp() if start else time.time(),
        project=settings["TRACKER_PROJECT"],
        entity=settings["WANDB_ENTITY"],
        is_offline=bool(settings["WANDB_OFFLINE"]),
        settings={name: value for name, value in settings.items() if value is not None},
    )


def _lanes(modules: Mapping[str, str], job: Job, say: Say) -> Iterable[Lane]:
    for name, module in modules.items():
        try:
            yield Lane(name, module, job)
        except OSError as error:
            say(f"tracker {name} is off: {error}. The run goes on without it.")


def _wait_for_any(lanes: Iterable[Lane], seconds: float) -> None:
    """Wait until one of them has a message or has ended."""
    with selectors.DefaultSelector() as selector:
        for lane in lanes:
            selector.register(lane, selectors.EVENT_READ)
        selector.select(seconds)
