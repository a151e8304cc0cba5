"""Who holds a folder: a kernel lock (flock) that vanishes with its process, so it cannot go stale.

The lock file's text says who holds it, for people; only the lock itself decides.
"""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from lib.lease import LEASE_NAME, NO_LOCKS, lease, leaseholder, say_once

LOCK_NAME = "lock"


class Held(ValueError):
    """The folder is held by another process: try later."""

    exit_status = 75

    def __init__(self, folder: Path, holder: dict[str, str], is_lease: bool = False) -> None:
        who = (
            f"process {holder['pid']} on {holder['host']} since {holder['since']} "
            f"({holder['command']})"
            if {"pid", "host", "since", "command"} <= holder.keys()
            else "another process"
        )
        # A lock goes with its process; a lease stays where its machine went away.
        gone = f" If it is gone, remove {folder / LEASE_NAME}." if is_lease else ""
        super().__init__(
            f"{folder} is held by {who}. Wait for it, or stop it, and give the command again.{gone}"
        )
        self.holder = holder


@contextmanager
def claim(folder: Path, wait: bool = False) -> Iterator[int]:
    """Hold `folder` for the life of the block; yields the descriptor that carries the lock.

    A child that inherits the descriptor holds the folder too. If it is taken: waits where told
    to, else raises Held. Where the file system has no locks, a lease does (lib/lease.py).
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = _open(folder / LOCK_NAME)
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Held(folder, read_holder(folder)) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            say_once(folder, error)
            if not stack.enter_context(lease(folder, _ourselves(), wait)):
                raise Held(folder, leaseholder(folder) or {}, is_lease=True) from None
        else:
            # Of another machine, where the same folder has no locks.
            if (other := leaseholder(folder)) is not None:
                raise Held(folder, other, is_lease=True)
        # Only for people: where the file is another user's and not the group's, it stays as it is.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_ourselves()).encode(), 0)
        yield descriptor


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
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    finally:
        os.close(descriptor)
    return leaseholder(folder) is not None


def _open(path: Path) -> int:
    """The lock file, which every user of a group may lock: a lock needs no right to write."""
    try:
        # The umask decides who may write: 0644 would shut out the group.
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def read_holder(folder: Path) -> dict[str, str]:
    """What the last holder wrote of itself; empty if that cannot be read."""
    try:
        holder = json.loads((folder / LOCK_NAME).read_text(encoding="utf-8"))
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
