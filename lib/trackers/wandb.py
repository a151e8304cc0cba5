"""Weights & Biases: a run of the same name, sent where somebody is logged in, else kept here.

Offline, every start of a run writes one folder with the whole run, from its first row, and deletes
the former one: `wandb sync <run>/wandb/offline-run-*` sends the run once and whole. Online, the run
with this id is continued, and rows that the server has are not sent again; a resumed run repeats
the same steps with the same numbers, so nothing is missing.

Its own process (wandb-core) and threads, the environment variable by which they find each other,
and a stop button that sends SIGINT to its caller are why no tracker lives in the trainer's process.
"""

import html
import os
import shutil
from typing import TYPE_CHECKING, Any

from lib.trackers.names import Histogram, values_of
from lib.trackers.protocol import Job, Note, Row

if TYPE_CHECKING:
    import wandb

# Seconds: a server that does not answer means offline; what is not uploaded at the end is on disk.
INIT_TIMEOUT_S = 20
FINISH_TIMEOUT_S = 8


def open_tracker(job: Job, note: Note) -> "WandbTracker":
    """Continue or begin the run, online if somebody is logged in and the server answers."""
    # Read when the package is imported: what it writes stays in the run's folder, and it reports
    # nothing about itself to anybody.
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    os.environ["WANDB_CACHE_DIR"] = os.environ["WANDB_DATA_DIR"] = str(job.scratch / "wandb")
    import wandb

    arguments: dict[str, Any] = {
        "project": job.project,
        "entity": job.entity or None,
        "id": job.id,
        "name": job.run,
        "group": job.arm,
        "dir": str(job.folder),
        "config": job.settings,
        # No console capture, no look at git, code, packages or machine: run.json has all that, and
        # this is another process than the one that trains.
        "settings": wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
            finish_timeout_raises=True,
        ),
    }
    if not job.is_offline and _is_logged_in():
        try:
            return WandbTracker(wandb.init(resume="allow", **arguments))
        except wandb.Error as error:
            # The id stays taken until the half-made run is gone.
            wandb.teardown()
            reason = str(error).splitlines()[0]
            note(f"the server does not answer ({reason}), so the run is kept in {job.folder}/wandb")
    for former in (job.folder / "wandb").glob(f"offline-run-*-{job.id}"):
        shutil.rmtree(former)
    return WandbTracker(wandb.init(mode="offline", **arguments))


def _is_logged_in() -> bool:
    """Whether there are credentials. Asks nobody: the process has no terminal."""
    import wandb

    if os.environ.get("WANDB_MODE", "online") != "online":
        return False
    try:
        return wandb.login(verify=False)
    except (wandb.errors.UsageError, wandb.errors.AuthenticationError):
        return False


class WandbTracker:
    """One run in wandb; the step of its history is the optimizer step."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run
        self._first_step = run.starting_step
        """Of a continued run: the first step that the server does not have."""
        self._step = run.starting_step

    def row(self, row: Row) -> None:
        import wandb

        values = values_of(row)
        if values.step < self._first_step:
            return
        # wandb drops what comes for an earlier step than the last, and the row of a checkpoint may
        # come late: it joins the step at hand, whose axes it must not set back.
        is_late = values.step < self._step
        self._step = max(self._step, values.step)
        shown: dict[str, Any] = values.scalars | ({} if is_late else values.axes)
        for name, histogram in values.histograms.items():
            shown[name] = wandb.Histogram(np_histogram=_pair(histogram))
        for name, text in values.texts.items():
            shown[name] = wandb.Html(f"<pre>{html.escape(text)}</pre>")
        # Rows of the same step become one point.
        self._run.log(shown, step=self._step)

    def flush(self) -> None:
        """wandb-core writes and sends by itself."""

    def close(self, succeeded: bool) -> None:
        self._run.finish(exit_code=0 if succeeded else 1)


def _pair(histogram: Histogram) -> tuple[list[int], list[float]]:
    return histogram.counts, histogram.edges
