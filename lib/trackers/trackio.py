"""trackio: a local SQLite file for each project in `<results>/trackio`, and a page that shows it.

The page compares runs, so they share a folder (`make trackio` shows it); no run writes into that of
another. Every start of a run deletes what trackio has of it and sends it from the first row, so no
step is there twice. Nothing leaves the machine: the variables that would upload are taken away, and
the Hub is told to be offline, which it would otherwise ask who is logged in.

trackio warns and goes on where it cannot write; so what it keeps is counted at the end.
"""

import os
from typing import TYPE_CHECKING, Any

from lib.trackers.names import Histogram, values_of
from lib.trackers.protocol import Job, Note, Row

if TYPE_CHECKING:
    import trackio

UPLOADS = (
    *("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_DATASET_ID", "TRACKIO_BUCKET_ID"),
    *("TRACKIO_WEBHOOK_URL", "SPACE_ID"),
)


def open_tracker(job: Job, note: Note) -> "TrackioTracker":
    # Read when the package is imported.
    for name in UPLOADS:
        os.environ.pop(name, None)
    os.environ["TRACKIO_DIR"] = str(job.results / "trackio")
    os.environ["HF_HUB_OFFLINE"] = "1"
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    assert job.project is not None
    for former in SQLiteStorage.get_run_records(job.project):
        if former["name"] == job.run:
            SQLiteStorage.delete_run(job.project, job.run, run_id=former["id"])
    run = trackio.init(
        job.project,
        name=job.run,
        group=job.arm,
        config=dict(job.settings),
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    return TrackioTracker(run)


class TrackioTracker:
    """One run in trackio."""

    def __init__(self, run: "trackio.Run") -> None:
        self._run = run
        self._sent = 0

    def row(self, row: Row) -> None:
        import trackio

        values = values_of(row)
        shown: dict[str, Any] = values.scalars | values.axes
        for name, histogram in values.histograms.items():
            shown[name] = trackio.Histogram(np_histogram=_pair(histogram))
        for name, text in values.texts.items():
            shown[name] = trackio.Markdown(f"```\n{text}\n```")
        self._run.log(shown, step=values.step)
        self._sent += 1

    def flush(self) -> None:
        """trackio writes twice a second by itself."""

    def close(self, succeeded: bool) -> None:
        from trackio.sqlite_storage import SQLiteStorage
        from trackio.utils import get_storage_mode

        self._run.finish()
        # On a network file system it leaves files to be read in later, which cannot be counted.
        if get_storage_mode() == "sqlite":
            kept = SQLiteStorage.get_log_count(
                self._run.project, self._run.name, run_id=self._run.id
            )
            if kept != self._sent:
                raise OSError(f"{kept} of {self._sent} rows are in {os.environ['TRACKIO_DIR']}")


def _pair(histogram: Histogram) -> tuple[list[int], list[float]]:
    return histogram.counts, histogram.edges
