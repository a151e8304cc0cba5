"""What the project made in a folder that others may use as well: only that is ever deleted.

Files are told by their names, and their folder by a mark in one of them. A link is itself what is
ours, never what it points to, and no search goes through one.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass
class Made:
    """One place: a folder, a link, or a file."""

    place: Path
    files: list[Path] = field(default_factory=list)
    """Ours, links included."""
    foreign: list[Path] = field(default_factory=list)
    """What else lies there, and stays."""
    folders: set[Path] = field(default_factory=set)
    """Those that are removed if nothing is left in them."""

    @property
    def size(self) -> int:
        """Bytes that go."""
        return sum(path.lstat().st_size for path in self.files)

    def delete(self) -> None:
        """Raises OSError; what could not be deleted stays, with its folders."""
        for path in self.files:
            path.unlink(missing_ok=True)
        for folder in sorted(self.folders, key=lambda path: len(path.parts), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()


def made_at(place: Path, patterns: tuple[str, ...], is_ours: Callable[[Path], bool]) -> Made:
    """What of a place fits the patterns of relative paths, in which `*` also passes a slash.

    is_ours: asked of each file that fits, for names that others use as well.
    """
    made = Made(place)
    if place.is_symlink() or not place.is_dir():
        made.files.append(place)
        return made
    for folder, subfolders, files in os.walk(place):
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        for name in [*files, *links]:
            path = Path(folder, name)
            relative = path.relative_to(place).as_posix()
            fits = any(fnmatchcase(relative, pattern) for pattern in patterns)
            if fits and is_ours(path):
                made.files.append(path)
                made.folders |= {place, *(p for p in path.parents if p.is_relative_to(place))}
            else:
                made.foreign.append(path)
        # An empty one of ours, such as that of checkpoints that were all deleted.
        relative = Path(folder).relative_to(place).as_posix()
        if any(pattern.startswith(f"{relative}/") for pattern in patterns):
            made.folders.add(Path(folder))
    return made
