"""Who holds a folder: a kernel lock (flock) that vanishes with its process, so it cannot go stale.

The lock file's text says who holds it, for people; only the lock itself decides.
"""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

LOCK_NAME = "lock"


class Held(ValueError):
    """The folder is held by another process: try later."""

    exit_status = 75

    def __init__(self, folder: Path, holder: dict[str, str]) -> None:
        who = (
            f"process {holder['pid']} on {holder['host']} since {holder['since']} "
            f"({holder['command']})"
            if holder
            else "another process"
        )
        super().__init__(
            f"{folder} is held by {who}. Wait for it, or stop it, and give the command again."
        )
        self.holder = holder


@contextmanager
def claim(folder: Path, wait: bool = False) -> Iterator[int]:
    """Hold `folder` for the life of the block; yields the descriptor that carries the lock.

    A child that inherits the descriptor holds the folder too. If it is taken: waits where told
    to, else raises Held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Held(folder, read_holder(folder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_ourselves()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether some process holds `folder` now. Takes nothing."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        # A shared request for an instant: it fails only while somebody holds the exclusive lock.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_holder(folder: Path) -> dict[str, str]:
    """What the last holder wrote of itself; empty if that cannot be read."""
    try:
        holder = json.loads((folder / LOCK_NAME).read_text())
        return {key: str(holder[key]) for key in ("pid", "host", "since", "command")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _ourselves() -> dict[str, str]:
    return {
        "pid": str(os.getpid()),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": " ".join(sys.orig_argv[1:])[:200],
    }
