"""Small file operations that must never leave half a file behind."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def user_path(text: str) -> Path:
    """The path that a person wrote; `~` and `~name` at its beginning are home folders.

    A shell expands them only where it sees them unquoted: not in a `.config`, and not in
    DATA_DIR="~/data". Raises ValueError for the home of nobody.
    """
    return Path(expand_home(text))


def expand_home(text: str) -> str:
    """The same as text; one without `~` stays as it was written."""
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        name = text.split("/", 1)[0]
        raise ValueError(
            f"{text}: there is no home folder {name} here. Write the path in full, or ./{text} for "
            "a folder of that name."
        )
    return expanded


def write_atomic(path: Path, text: str) -> bool:
    """Replace `path` by `text` (UTF-8): every reader sees the old file or the new one, whole.

    Returns False, and leaves the file and its time stamp alone, if it already holds this text:
    Make then sees no change. A symbolic link stays a link; its target is replaced.
    Raises OSError (disk full, read-only folder); the old file is intact then.
    """
    return write_atomic_bytes(path, text.encode("utf-8"))


def write_atomic_bytes(path: Path, data: bytes) -> bool:
    """As `write_atomic`, for bytes."""
    target = Path(os.path.realpath(path))
    if target.is_file() and target.read_bytes() == data:
        return False
    # In the same folder, because a rename is atomic only inside one file system.
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_path(target.parent)
    return True


def fsync_path(path: Path) -> None:
    """Have the disk hold a file, or a folder: the entry that a rename makes is data of the folder,
    and survives a power cut only so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's contents, in hex, read in 1 MiB blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where the file is missing, torn, or holds something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
