"""Which files were read and found right, so that unchanged ones are not read before every run.

Reading 10 billion tokens takes a minute, and each run of a matrix would take it. So a comparison
that went well leaves a stamp in `verified.json`: the file's size, inode, and the times of its last
change (mtime) and of the last change of its inode (ctime). While all of them and the digest of the
manifest agree, the contents count as unchanged. A program can set mtime back, but not ctime.

What a stamp cannot see: bits that the disk loses by itself, writes past the file system (to the
device, or on the server of a network file system with coarse times), and a clock that was set
back. For those there is the full comparison: `prepare_data --verify`. Small datasets are always
read.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from lib.files import write_atomic

STAMPS_NAME = "verified.json"

# Read in a tenth of a second.
SMALL_BYTES = 64 << 20
# A change within the resolution of the file system's clock leaves the same times, so a file that
# was written just now gets no stamp yet.
SETTLED_NS = 2_000_000_000


class Stamps:
    """The stamps of one folder. A file of stamps that cannot be read is as none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STAMPS_NAME
        self._stamps: dict[str, list[int | str]] = {}
        with suppress(OSError, ValueError, RecursionError):
            stamps = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(stamps, dict):
                self._stamps = stamps

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether the file is as it was when it was found to have this digest. Raises OSError."""
        return self._stamps.get(path.name) == _stamp(path.stat(), sha256)

    def add(self, path: Path, before: os.stat_result, sha256: str) -> None:
        """The file, which was as `before`, has just been read and has this digest."""
        stamp = _stamp(before, sha256)
        is_settled = time.time_ns() - max(before.st_mtime_ns, before.st_ctime_ns) >= SETTLED_NS
        if is_settled and stamp == _stamp(path.stat(), sha256):
            self._stamps[path.name] = stamp
        else:
            self._stamps.pop(path.name, None)

    def save(self) -> None:
        """Keep them. Where the folder cannot be written, the next run reads the files again."""
        with suppress(OSError):
            write_atomic(self._path, json.dumps(self._stamps, indent=1) + "\n")


def _stamp(facts: os.stat_result, sha256: str) -> list[int | str]:
    return [facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, sha256]
