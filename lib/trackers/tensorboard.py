"""TensorBoard: one event file in the run's folder, so that a run has its own name on the page.

Written with TensorBoard's own writer: `torch.utils.tensorboard` would bring torch, a second and
200 MiB, for the same bytes. TensorBoard keeps curves as float32: what is exact is metrics.jsonl.

Every start of a run writes the file anew from the first row and deletes the former one, so what is
shown is what metrics.jsonl says, and no step is there twice. An event's wall time is the start of
the run plus the seconds of training, so that the axis RELATIVE is training time.
"""

import sys
from types import ModuleType

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from lib.trackers.names import AXES, Histogram, values_of
from lib.trackers.protocol import Job, Note, Row

EVENT_FILES = "events.out.tfevents.*"
QUEUED_EVENTS = 1000


def open_tracker(job: Job, note: Note) -> "TensorBoardTracker":
    return TensorBoardTracker(job)


class TensorBoardTracker:
    """The event file of one run."""

    def __init__(self, job: Job) -> None:
        # TensorBoard's own switch for its stand-in of TensorFlow, which costs seconds where it is.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        for former in job.folder.glob(EVENT_FILES):
            former.unlink()
        self._started_s = job.started_s
        self._writer = EventFileWriter(str(job.folder), max_queue_size=QUEUED_EVENTS)
        # Tells a TensorBoard that is open to forget the steps it has read from the former file.
        self._event(0.0, 0, session_log=SessionLog(status=SessionLog.START))
        options = hparams_pb(job.settings, trial_id=job.run, start_time_secs=job.started_s)
        self._event(0.0, 0, summary=options)
        self._axes_step = -1

    def row(self, row: Row) -> None:
        values = values_of(row)
        scalars = values.scalars
        if values.step > self._axes_step:
            # Once a step, though it may have rows of several kinds.
            self._axes_step = values.step
            scalars = scalars | values.axes
        summary = Summary()
        for name, number in scalars.items():
            summary.value.add(tag=name, simple_value=number)
        for name, histogram in values.histograms.items():
            summary.value.add(tag=name, histo=_histogram_proto(histogram))
        for name, text in values.texts.items():
            summary.MergeFrom(text_pb(name, text))
        self._event(values.axes.get(AXES["time_s"], 0.0), values.step, summary=summary)

    def flush(self) -> None:
        self._writer.flush()

    def close(self, succeeded: bool) -> None:
        self._writer.close()

    def _event(self, time_s: float, step: int, **what: Summary | SessionLog) -> None:
        self._writer.add_event(Event(wall_time=self._started_s + time_s, step=step, **what))


def _histogram_proto(histogram: Histogram) -> HistogramProto:
    """Counts and edges as TensorBoard has them: by upper limits, the first bucket being empty.

    Sums are those of values at the middles of their buckets.
    """
    edges, counts = histogram.edges, histogram.counts
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    weighed = list(zip(middles, counts, strict=True))
    return HistogramProto(
        min=edges[0],
        max=edges[-1],
        num=sum(counts),
        sum=sum(middle * count for middle, count in weighed),
        sum_squares=sum(middle * middle * count for middle, count in weighed),
        bucket_limit=edges,
        bucket=[0, *counts],
    )
