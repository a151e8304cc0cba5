"""Which files of a user's folder count: by their suffix in any case, in the order of their paths.

Names that begin with a dot are left out, and so is what lies behind symbolic links to folders.
What is left out is said, by name and bytes: nobody finds out later that a corpus was a part of it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpt2.datasets.errors import listed, reading_failed, shown

# Prose, then sources.
TEXT_SUFFIXES = (".txt", ".md", ".rst", ".tex") + (
    ".py", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".js", ".ts", ".sh"
)  # fmt: skip

HIDDEN, OTHER = "hidden", "of another kind"
LINKED, IRREGULAR = "behind a link", "neither file nor folder"
# So many names stand in a sentence; the largest first.
_SHOWN = 6


def has_suffix(name: str, suffixes: Sequence[str]) -> bool:
    """Whether a file's name ends in one of them: BIG.TXT is a text as big.txt is."""
    return name.lower().endswith(tuple(suffixes))


@dataclass
class Found:
    """The contents of a folder."""

    files: list[str] = field(default_factory=list)
    """Files that are read: paths relative to the folder, with slashes, sorted."""
    left_out: dict[str, dict[str, int | None]] = field(default_factory=dict)
    """The others: name and bytes, by the reason; a folder's name ends with a slash. None: what a
    link leads to is not measured, since that may be the whole disk."""

    def leave_out(self, reason: str, name: str, size: int | None) -> None:
        self.left_out.setdefault(reason, {})[name] = size


def look(root: Path, suffixes: Sequence[str], passed_over: Sequence[str] = ()) -> Found:
    """All files below a folder; `passed_over`: names that do not count, whatever they end in.

    Raises DataError.
    """
    found = Found()
    for folder, subfolders, files in os.walk(root, onerror=_refuse):
        for name in list(subfolders):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix() + "/"
            if name.startswith("."):
                found.leave_out(HIDDEN, relative, _bytes_below(path))
                subfolders.remove(name)
            elif path.is_symlink():
                found.leave_out(LINKED, relative, None)
        for name in files:
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if not path.is_file():
                found.leave_out(IRREGULAR, relative, None)
            elif name.startswith("."):
                found.leave_out(HIDDEN, relative, path.stat().st_size)
            elif not has_suffix(name, suffixes) or name in passed_over:
                found.leave_out(OTHER, relative, path.stat().st_size)
            else:
                found.files.append(relative)
    found.files.sort()
    return found


def left_out_lines(root: Path, found: Found) -> list[str]:
    """A sentence for people for each reason why files do not count."""
    lines = []
    for reason, sizes in found.left_out.items():
        names = sorted(sizes, key=lambda name: (-(sizes[name] or 0), name))
        total = sum(size or 0 for size in sizes.values())
        lines.append(
            f"left out of {root}, {reason}: "
            + listed([_sized(name, sizes[name]) for name in names], _SHOWN)
            + (f"; {total:,} bytes in all" if len(names) > 1 and total else "")
        )
    return lines


def _sized(name: str, size: int | None) -> str:
    return shown(name) if size is None else f"{shown(name)} ({size:,} bytes)"


def _bytes_below(folder: Path) -> int:
    """Of what the folder itself has, as far as it may be read: it is only to be named."""
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, files in os.walk(folder)
        for name in files
    )


def _refuse(error: OSError) -> None:
    # Left to itself, os.walk passes over a folder that it may not read.
    raise reading_failed(error, Path(error.filename)) from error
