"""A tracker that behaves as its job says, for the tests: `open_tracker` is called by its process.

What it was given stands in `<run>/<NAME>.jsonl` afterwards, one row a line, and `closed` or
`stopped` at the end.
"""

import contextlib
import ctypes
import json
import os
import random
import signal
import sys
import time

WHERE = ("start", "row", "close")


def open_tracker(job, note):
    return Fake(job, note)


class Fake:
    def __init__(self, job, note):
        self.behaviour, _, self.where = job.settings["BEHAVIOUR"].partition(" at ")
        self.job = job
        self.file = open(job.folder / f"{job.settings['NAME']}.jsonl", "w")  # noqa: SIM115
        note("hello") if self.behaviour == "talk" else None
        self.misbehave("start")

    def row(self, row):
        self.misbehave("row")
        self.file.write(json.dumps(dict(row)) + "\n")

    def flush(self):
        self.file.flush()

    def close(self, succeeded):
        self.misbehave("close")
        self.file.write("closed\n" if succeeded else "stopped\n")
        self.file.close()

    def misbehave(self, where):
        if self.behaviour == "disturb":
            # What packages do to the process that imports them.
            print("a banner", "on standard output")
            print("and on the other", file=sys.stderr)
            random.seed(1)
            os.environ["LEAKED"] = "1"
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self.where != where:
            return
        match self.behaviour:
            case "raise":
                raise RuntimeError(f"broken at {where}\nsecond line")
            case "exit":
                sys.exit("gone")
            case "die":
                os._exit(3)
            case "hang":
                (self.job.folder / "hangs").touch()
                # Holds the interpreter's lock for an hour: no thread of this process runs.
                ctypes.PyDLL(None).sleep(3600)
            case "garble":
                for number in range(3, 64):
                    with contextlib.suppress(OSError):
                        if "pipe:" in os.readlink(f"/proc/self/fd/{number}"):
                            os.write(number, b"not a message\n")
            case "dawdle":
                time.sleep(0.05)
