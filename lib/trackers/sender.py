"""The process of one tracker: `python -m lib.trackers.sender NAME MODULE NICENESS`, of `lane.py`.

It reads metrics.jsonl while the run appends to it, and hands each row to the tracker. So a row
costs the training nothing, none is dropped when a tracker is slow, and what a tracker does to the
process it lives in (threads, signal handlers, random streams, warnings, the environment, the
terminal) it does not do to the trainer.

Standard input brings the job, one line of JSON, and later a line that says how the run ended; its
end means that the trainer is gone. Either way the rest of the file is sent and the process ends.
Standard output carries messages to the trainer, one JSON object a line: `{"rows": 12}`, so many are
sent, also a sign of life; `{"note": "..."}`; `{"off": "..."}`, the reason for giving up;
`{"closed": true}`, the tracker has every row. What packages print goes to
`<run>/trackers/<name>/output.log`.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from lib.claims import claim
from lib.trackers.protocol import Job, Row, Tracker

POLL_S = 0.5
LIFE_SIGN_S = 5.0

# Seconds that this process may outlive the trainer, and that one call of the tracker may take. A
# trainer that lives ends it sooner (lane.py, feed.py); this is for one that was killed itself. A
# timer of the kernel does it, because a tracker that hangs may hold the interpreter's lock.
AFTERLIFE_S = 30
LONGEST_CALL_S = 360

# What a terminal, a batch system or a closed connection sends to all processes of a run. The
# trainer decides what they mean; this process ends when the trainer says so, or is gone.
NOT_FOR_US = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Ending:
    """How the run ended, once that is known: read from standard input by a thread of its own, so
    that it is known even while the tracker hangs."""

    def __init__(self) -> None:
        self.known = threading.Event()
        self.succeeded = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        line = sys.stdin.readline()
        self.succeeded = bool(line) and json.loads(line)["succeeded"]
        self.known.set()
        # The trainer keeps it open as long as it waits for this process.
        sys.stdin.read()
        signal.alarm(AFTERLIFE_S)

    def wind_up(self) -> None:
        """Another call of the tracker may begin."""
        if not self.known.is_set():
            signal.alarm(LONGEST_CALL_S)


class Channel:
    """Messages to the trainer; never waits for it."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._last_s = 0.0

    def send(self, **message: str | int) -> None:
        try:
            os.write(self._descriptor, json.dumps(message).encode() + b"\n")
        except (BlockingIOError, BrokenPipeError):
            # It has not listened for hours, or is gone: there is nobody to tell.
            return
        self._last_s = time.monotonic()

    def sign_of_life(self, rows: int) -> None:
        if time.monotonic() - self._last_s >= LIFE_SIGN_S:
            self.send(rows=rows)


class Tail:
    """The rows of a file that another process is appending to."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (open as long as the process)
        self._torn = b""

    def rows(self) -> Iterator[Row]:
        """The rows that have become whole since the last call."""
        for line in self._file:
            self._torn += line
            if self._torn.endswith(b"\n"):
                whole, self._torn = self._torn, b""
                yield json.loads(whole)


def main(arguments: Sequence[str]) -> int:
    name, module, niceness = arguments
    for number in NOT_FOR_US:
        signal.signal(number, signal.SIG_IGN)
    os.nice(int(niceness))
    channel = Channel(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = Job.from_json(json.loads(sys.stdin.readline()))
    ending = Ending()
    try:
        # One that outlived a killed trainer may still be sending.
        with claim(job.scratch / name, wait=True):
            sent = send(module, job, ending, channel)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        channel.send(off=sentence(error))
        return 1
    channel.send(rows=sent, closed=True)
    return 0


def send(module: str, job: Job, ending: Ending, channel: Channel) -> int:
    """Hand every row to the tracker until the run has ended; returns how many there were."""
    tail = Tail(job.metrics)
    channel.send(rows=0)
    ending.wind_up()
    tracker: Tracker = importlib.import_module(module).open_tracker(
        job, lambda text: channel.send(note=text)
    )
    sent = 0
    is_over = False
    while not is_over:
        # Asked first: what the run wrote before it ended is in the file then.
        is_over = ending.known.is_set()
        before = sent
        for row in tail.rows():
            ending.wind_up()
            tracker.row(row)
            sent += 1
            channel.sign_of_life(sent)
        if sent > before:
            tracker.flush()
            channel.send(rows=sent)
        channel.sign_of_life(sent)
        ending.wind_up()
        if not is_over:
            ending.known.wait(POLL_S)
    tracker.close(ending.succeeded)
    return sent


def sentence(error: BaseException) -> str:
    """Why a tracker is off, for a person."""
    if isinstance(error, ModuleNotFoundError):
        return (
            f"the Python package {error.name} is missing from {sys.executable}; "
            '`make setup EXTRAS="trackers"` installs it'
        )
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
