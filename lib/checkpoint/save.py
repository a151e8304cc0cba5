"""Writing one file so that a kill, a full disk or a bad disk at any moment harms no earlier one.

Into a hidden temporary, to the disk, read back and compared, and only then renamed to its name. In
place, 13 of 25 kills at random moments left an unreadable file; so, none of 25 (design notes of
this project, 120 MB on a local disk).
"""

import errno
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from lib.checkpoint.archive import State, check_whole, header_of, read_header
from lib.checkpoint.errors import CheckpointError, NotWritten
from lib.checkpoint.files import lock_while_writing, temporary_path
from lib.files import fsync_path

# Room for what a zip and a pickle add to the tensors, and for others who write to the disk.
SPACE_FACTOR = 1.1

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Written:
    """One file that is on the disk, whole."""

    bytes: int
    write_s: float
    """Serialise and bring to the disk."""
    verify_s: float
    """Read back and compare."""


def needed_bytes(state_bytes: int, last_bytes: int) -> int:
    """What must be free before a save begins; last_bytes: of the file before, 0 for the first."""
    return int(SPACE_FACTOR * max(state_bytes, last_bytes))


def check_space(path: Path, needed: int) -> None:
    """Raise NotWritten if the disk of `path`, whose folder exists, has less room than that."""
    if free_bytes(path) < needed:
        raise NotWritten(path, os.strerror(errno.ENOSPC), needed, free_bytes(path))


def free_bytes(path: Path) -> int:
    """Room on the disk of `path`, whose folder somebody may have removed."""
    folder = next(parent for parent in path.parents if parent.is_dir())
    return shutil.disk_usage(folder).free


def write_checked(path: Path, state: State, needed: int) -> Written:
    """Replace `path` by a file of `state`, which must not change meanwhile.

    needed: bytes, for the message. Raises NotWritten; then `path` is as it was and nothing else
    is left behind.
    """
    try:
        header_of(state, path)
    except CheckpointError as error:
        raise TypeError(f"this state is no checkpoint: {error}") from None
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb", buffering=0) as file:
            lock_while_writing(file)
            written = _write(file, temporary, state)
            # A rename over a symbolic link replaces the link: links here are only for people.
            os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise NotWritten(path, os.strerror(error.errno or 0), needed, free_bytes(path)) from error
    except CheckpointError as error:
        temporary.unlink(missing_ok=True)
        why = f"the disk gave back other bytes than were written ({error})"
        raise NotWritten(path, why, needed, free_bytes(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_path(path.parent)
    return written


def _write(file: BinaryIO, temporary: Path, state: State) -> Written:
    start = time.perf_counter()
    sink = _Sink(file)
    torch.save(state, sink)
    if sink.error is not None:
        raise sink.error
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):
        # Let go of the cached pages, so that what is compared is what the disk has.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    on_disk = time.perf_counter()
    check_whole(temporary)
    read_header(temporary)
    length = temporary.stat().st_size
    return Written(length, on_disk - start, time.perf_counter() - on_disk)


class _Sink:
    """A file for torch.save that never fails: it remembers the first error and drops the rest.

    Raised through torch's writer, a full disk becomes "RuntimeError: unexpected pos 704 vs 598".
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: BaseException | None = None

    def write(self, data: memoryview | bytes) -> int:
        left = memoryview(data).cast("B")
        length = left.nbytes
        while left and self.error is None:
            try:
                # One call writes at most 2 GiB, and less where the disk is nearly full.
                left = left[self._file.write(left) :]
            except BaseException as error:
                # Ctrl+C too; `_write` raises it.
                self.error = error
        return length

    def flush(self) -> None:
        """Unbuffered: nothing to do."""
