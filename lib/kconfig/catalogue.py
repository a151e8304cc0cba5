"""Defconfigs and fragments: where they are looked for, and what they say of themselves.

A name is looked for in the folders of $BITTERBENCH_CONFIG_PATH (separated by colons), then in the
user's own folder (~/.config/bitterbench), then in the project: `defconfigs/NAME` and
`defconfigs/fragments/NAME.config`. The first hit counts, so that a user can replace one of ours.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.files import user_path
from lib.kconfig.errors import ConfigError
from lib.kconfig.scan import Layer, leading_comments, read_layer

FRAGMENT_SUFFIX = ".config"


@dataclass(frozen=True)
class Catalogue:
    """The folders that are searched: the user's, then the project's `defconfigs`."""

    root: Path
    user_folders: tuple[Path, ...] = ()

    @classmethod
    def from_environment(cls, root: Path, environ: Mapping[str, str]) -> "Catalogue":
        """The folders as the environment names them."""
        listed = environ.get("BITTERBENCH_CONFIG_PATH", "").split(":")
        home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config"
        return cls(root, (*map(user_path, filter(None, listed)), Path(home) / "bitterbench"))

    def layers(self, spelling: str) -> list[Layer]:
        """The layers of `NAME+fragment1+fragment2`; later ones count more.

        Raises ConfigError for an unknown name, with names that look like it.
        """
        name, *fragments = spelling.split("+")
        return [self.defconfig(name), *map(self.fragment, fragments)]

    def defconfig(self, name: str) -> Layer:
        """The layer of one defconfig."""
        return self._read(name, name, self.defconfigs(), "defconfig")

    def fragment(self, name: str) -> Layer:
        """The layer of one fragment, by its name with or without `.config`."""
        name = name.removesuffix(FRAGMENT_SUFFIX)
        return self._read(name, name + FRAGMENT_SUFFIX, self.fragments(), "fragment")

    def defconfigs(self) -> dict[str, Path]:
        """Name -> file of every defconfig that can be loaded, sorted by name."""
        folders = [*self.user_folders, self.root / "defconfigs"]
        return _files(folders, is_fragment=False)

    def fragments(self) -> dict[str, Path]:
        """Name -> file of every fragment, sorted by name."""
        folders = [*self.user_folders, self.root / "defconfigs" / "fragments"]
        return _files(folders, is_fragment=True)

    def label(self, path: Path) -> str:
        """A file as messages name it: relative to the project if it lies in it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def _read(self, name: str, file_name: str, known: dict[str, Path], what: str) -> Layer:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            remedy = f"did you mean {' or '.join(near)}" if near else "see `make list-defconfigs`"
            raise ConfigError.single(file_name, f"there is no {what} of this name", remedy)
        return read_layer(known[name], self.label(known[name]), kind="request")


def summary(path: Path) -> str:
    """What a defconfig says of itself: its first line of comment that has words."""
    comments = leading_comments(path.read_text(encoding="utf-8", errors="replace"))
    return next((text for line in comments if (text := line.lstrip("# ").strip())), "")


def body(text: str) -> str:
    """A defconfig without the comments and blank lines that it begins with."""
    lines = text.split("\n")[len(leading_comments(text)) :]
    return "\n".join(lines).lstrip("\n")


def _files(folders: list[Path], is_fragment: bool) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not path.is_file() or path.name.startswith("."):
                continue
            if (path.suffix == FRAGMENT_SUFFIX) == is_fragment:
                name = path.name.removesuffix(FRAGMENT_SUFFIX) if is_fragment else path.name
                found.setdefault(name, path)
    return dict(sorted(found.items()))
