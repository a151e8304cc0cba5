"""Which files of a user's folder count: by their suffix, in the order of their paths.

Names that begin with a dot are left out, and so is what lies behind symbolic links to folders.
"""

import os
from pathlib import Path

from gpt2.datasets.errors import reading_failed

# Prose, then sources.
TEXT_SUFFIXES = (".txt", ".md", ".rst", ".tex") + (
    ".py", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".js", ".ts", ".sh"
)  # fmt: skip


def files_below(root: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Paths relative to a folder, with slashes, sorted. Raises DataError."""
    names = []
    for folder, subfolders, files in os.walk(root, onerror=_refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if name.endswith(suffixes) and not name.startswith(".") and path.is_file():
                names.append(path.relative_to(root).as_posix())
    return sorted(names)


def _refuse(error: OSError) -> None:
    # Left to itself, os.walk passes over a folder that it may not read.
    raise reading_failed(error, Path(error.filename)) from error
