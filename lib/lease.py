"""Who holds a folder where the file system has no locks (Lustre without `-o flock`, some FUSE).

A file that only one process can make says who holds the folder, and goes with the claim. What a
killed process left is taken over: whether that process lives is seen on its own machine only, so a
lease of another machine counts until somebody removes the file.
"""

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LEASE_NAME = "lease"

# What flock answers where there is none.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)

# Children that find the same file system need not say it again.
_SAID = "BITTERBENCH_SAID_NO_LOCKS"

WAIT_S = 0.2
# Taking over is one rename long; what is older was left by a process that was killed in it.
_TAKE_OVER_S = 60.0


def say_once(folder: Path, error: OSError) -> None:
    """That there are no locks, and what that means; once for a process and its children."""
    if _SAID not in os.environ:
        os.environ[_SAID] = "1"
        print(
            f"note: {folder} is on a file system without locks ({error.strerror}). A file named "
            f"{LEASE_NAME} says who holds a folder; what is killed on another machine stays held "
            "until that file is removed.",
            file=sys.stderr,
        )


@contextmanager
def lease(folder: Path, holder: Mapping[str, str], wait: bool) -> Iterator[bool]:
    """Hold `folder` for the life of the block; yields whether it is ours.

    holder: what people are told of us. wait: until it is free.
    """
    path = folder / LEASE_NAME
    text = json.dumps({**holder, **_identity(os.getpid())})
    while not (is_ours := _take(path, text)) and wait:
        time.sleep(WAIT_S)
    try:
        yield is_ours
    finally:
        if is_ours:
            path.unlink(missing_ok=True)


def leaseholder(folder: Path) -> dict[str, str] | None:
    """What the process that holds `folder` by a lease wrote of itself; None where none does.

    Empty for a lease that says nothing, which is somebody's nevertheless.
    """
    try:
        text = (folder / LEASE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        holder = {str(key): str(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}
    return holder if _may_live(holder) else None


def _take(path: Path, text: str) -> bool:
    """Make the file; one of a process that is gone is removed before."""
    if path.exists() and leaseholder(path.parent) is None:
        _remove_stale(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _remove_stale(path: Path) -> None:
    """Only one at a time, who looks again: else the second would remove the lease of the first."""
    guard = path.with_name(f"{path.name}.take-over")
    try:
        guard.mkdir()
    except FileExistsError:
        with suppress(OSError):
            if time.time() - guard.stat().st_mtime > _TAKE_OVER_S:
                guard.rmdir()
        return
    try:
        if leaseholder(path.parent) is None:
            path.unlink(missing_ok=True)
    finally:
        guard.rmdir()


def _identity(process: int) -> dict[str, str]:
    """What tells a process from all others, also from a later one with its number."""
    return {
        "pid": str(process),
        "host": socket.gethostname(),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "namespace": _namespace(),
        "started": _started(process),
    }


def _may_live(holder: Mapping[str, str]) -> bool:
    """Whether the process may be alive; it is not only where that can be known."""
    try:
        process = int(holder["pid"])
        here = _identity(process)
        if (holder["host"], holder["namespace"]) != (here["host"], here["namespace"]):
            return True
        if holder["boot"] != here["boot"]:
            return False
        if here["boot"]:
            return holder["started"] == here["started"]
        # A system without /proc.
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (KeyError, ValueError, OSError):
        pass
    return True


def _started(process: int) -> str:
    """When the kernel started a process, in its own ticks; "" for one that is not there, or dead
    and only waits for its parent."""
    # The name before the last parenthesis may hold anything.
    fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _namespace() -> str:
    """In which a process number means something: a container has its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
