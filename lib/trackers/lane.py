"""The trainer's end of one tracker's process: start it, listen to it, end it; never wait for it
longer than asked to.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from lib.cli import ROOT
from lib.trackers.protocol import Job

# A tracker without a sign of life for so many seconds hangs. It has the lowest priority, so on a
# busy machine a long start means nothing.
SILENCE_S = 300.0
# The lowest priority: what a tracker computes, it computes when the training leaves room.
NICENESS = 19


class Lane:
    """The process of one tracker. Its sentences are for the run's log."""

    def __init__(self, name: str, module: str, job: Job) -> None:
        """Start it. Raises OSError where the system has no process or no file for it."""
        self.is_over = False
        self._name = name
        self._job = job
        self._sent = 0
        self._is_closed = False
        self._reason: str | None = None
        self._heard_s = time.monotonic()
        self._torn = b""
        self._log_path = job.scratch / name / "output.log"
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lib.trackers.sender", name, module, str(NICENESS)],
                # Where `-m` finds us first; a path with a colon fits into no PYTHONPATH.
                cwd=ROOT,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # A group of its own: Ctrl+C is for the trainer alone. The same session: there the
                # scheduler weighs its priority against the trainer's.
                process_group=0,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._tell(job.as_json())

    def fileno(self) -> int:
        """Where its messages come from, for a selector."""
        return self._output.fileno()

    def listen(self) -> list[str]:
        """What happened since the last call, in sentences; waits for nothing."""
        if self.is_over:
            return []
        notes: list[str] = []
        has_ended = self._read(notes)
        if has_ended or self._reason is not None:
            self.end()
            if not self._is_closed:
                how = f"its process ended ({_ending(self._process.returncode)})"
                notes.append(self._off(self._reason or how))
        elif time.monotonic() - self._heard_s > SILENCE_S:
            self.end()
            notes.append(self._off(f"no sign of life for {SILENCE_S:g} s"))
        return notes

    def finish(self, succeeded: bool) -> None:
        """Tell it that the run has ended and no more rows come."""
        if not self.is_over:
            self._tell({"succeeded": succeeded})

    def give_up(self, patience_s: float) -> list[str]:
        """End it, whatever it is doing; the sentence says what is missing then."""
        notes = self.listen()
        if not self.is_over:
            self.end()
            if not self._is_closed:
                rows = self._job.metrics.read_bytes().count(b"\n")
                missing = f"{self._sent} of {rows} rows are there"
                notes.append(self._off(f"not done {patience_s:g} s after the run: {missing}"))
        return notes

    def end(self) -> None:
        """Nothing of it is left afterwards: its group is killed, and it is waited for."""
        if self.is_over:
            return
        self.is_over = True
        # Not there any more; of a group of zombies macOS says EPERM.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        with suppress(BrokenPipeError):
            self._input.close()

    def _tell(self, message: dict[str, Any]) -> None:
        # A process that has ended is no error here: `listen` says so.
        with suppress(BrokenPipeError):
            self._input.write(json.dumps(message).encode() + b"\n")
            self._input.flush()

    def _read(self, notes: list[str]) -> bool:
        """Take in the messages that are there; returns whether there can be no more."""
        while True:
            try:
                data = os.read(self.fileno(), 1 << 16)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._heard_s = time.monotonic()
            *lines, self._torn = (self._torn + data).split(b"\n")
            for line in lines:
                self._take(line, notes)

    def _take(self, line: bytes, notes: list[str]) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            # A package that writes where it must not is no reason to end the run.
            self._reason = self._reason or f"it sent {line[:40]!r}, which is no message"
            return
        if "note" in message:
            notes.append(f"tracker {self._name}: {message['note']}")
        self._reason = self._reason or message.get("off")
        self._is_closed = "closed" in message
        self._sent = message.get("rows", self._sent)

    def _off(self, reason: str) -> str:
        return (
            f"tracker {self._name} is off: {reason}. The run goes on without it, metrics.jsonl has "
            f"every row; what it printed is in {self._log_path}"
        )


def _environment() -> dict[str, str]:
    """The trainer's environment, with neither threads nor a GPU."""
    inherited = {name: os.environ[name] for name in os.environ if name != "PYTHONSAFEPATH"}
    return inherited | {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
    }


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
