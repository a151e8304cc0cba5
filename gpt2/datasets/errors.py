"""What can go wrong with data, said in sentences that a user can act on.

Exit codes are those of the project: 2 usage, 65 corrupt data, 66 missing data, 74 I/O.
"""

import errno
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

USAGE = 2
CORRUPT = 65
MISSING = 66
IO = 74

# Linux says EFBIG where a file would pass a resource limit, EDQUOT where it would pass a quota.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


class DataError(ValueError):
    """Data that cannot be used. The message says what, where, and the remedy."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def prepare_command(folder_name: str) -> str:
    """What a user types to make the dataset of a prepared folder, as far as its name tells."""
    if folder_name.startswith("custom-"):
        return "`python gpt2/prepare_data.py --dataset custom`"
    match = re.fullmatch(r"(.+?)(?:-([0-9]+[KMB]?))?(?:-r[0-9a-f]{8})?", folder_name)
    assert match is not None, folder_name
    tokens = f" --dataset-tokens {match[2]}" if match[2] else ""
    return f"`python gpt2/prepare_data.py --dataset {match[1]}{tokens}`"


def writing_failed(error: OSError, path: Path, needed_bytes: int) -> DataError:
    """The sentence for a file or folder that could not be written."""
    if error.errno in _FULL:
        return DataError(
            f"No space left to write {path}: {needed_bytes:,} bytes needed, "
            f"{free_bytes(path):,} free. Free some space, or set DATA_DIR to a larger disk.",
            IO,
        )
    if error.errno in _REFUSED:
        return DataError(
            f"Cannot write {path}: {error.strerror}. Run `chmod -R u+w {_existing(path)}`, or set "
            "DATA_DIR to a folder of your own.",
            IO,
        )
    if error.errno in _NOT_A_FOLDER:
        return DataError(
            f"Cannot write {path}: {_existing(path)} is in the way ({error.strerror}). Move it "
            "away, or set DATA_DIR to another folder.",
            IO,
        )
    return DataError(
        f"Cannot write {path}: {error.strerror or error}. Repair that, or set DATA_DIR to another "
        "folder.",
        IO,
    )


def reading_failed(error: OSError, path: Path) -> DataError:
    """The sentence for a file that is there but could not be read."""
    return DataError(
        f"Cannot read {path}: {error.strerror or error}. Make it readable (`chmod u+r`) or move "
        "it away.",
        IO,
    )


def shown(text: str) -> str:
    """A stranger's name in a sentence: quoted where it has what moves a cursor or is no text."""
    return text if text.isprintable() else ascii(text)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a sentence, not all of thousands."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def free_bytes(path: Path) -> int:
    """Free space for an ordinary user on the disk that holds, or would hold, `path`."""
    return shutil.disk_usage(_existing(path)).free


def _existing(path: Path) -> Path:
    """The nearest part of a path that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
