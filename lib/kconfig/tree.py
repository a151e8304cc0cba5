"""The tree of options: parsed by kconfiglib, annotated, checked, and asked to resolve layers.

A tree with a malformed annotation, a string without `Type:`, or a reference to an undefined
symbol is refused here, with file and line: to Kconfig they are all silently something else.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.build import read_tree
from lib.kconfig.configuration import Configuration
from lib.kconfig.freed import freed_names
from lib.kconfig.resolve import resolve
from lib.kconfig.scan import Layer
from lib.kconfig.state import State

if TYPE_CHECKING:
    import kconfiglib


@dataclass(frozen=True)
class Policy:
    """How strict to be: both are on unless the user turned them off."""

    is_strict: bool = True
    warns_unknown: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Policy":
        """KCONFIG_WERROR=0 turns errors into warnings, KCONFIG_WARN_UNKNOWN_SYMBOLS=0 ignores."""
        off = ("0", "n")
        return cls(
            environ.get("KCONFIG_WERROR") not in off,
            environ.get("KCONFIG_WARN_UNKNOWN_SYMBOLS") not in off,
        )


class Tree:
    """All symbols and groups of one Kconfig tree, in menu order; `files` are its Kconfig files.

    kconfiglib's state is shared by every configuration of a tree and moved between them
    (state.py): a tree must not be used by two threads.
    """

    def __init__(self, root: Path, raw: "kconfiglib.Kconfig", policy: Policy) -> None:
        self.root = root
        self.policy = policy
        self.files: tuple[str, ...] = tuple(raw.kconfig_filenames)
        self.symbols, self.groups = read_tree(root, raw)
        self.state = State(raw, self.symbols)
        self.relevant_names = self._relevant_names()
        self.freed = freed_names(self.symbols, self.groups)
        # What has to be looked at after every evaluation; the rest cannot go wrong by itself.
        every = self.symbols.values()
        self.ranged = frozenset(symbol.name for symbol in every if symbol.raw.ranges)
        self.selectable = tuple(symbol.name for symbol in every if symbol.raw.rev_dep is not raw.n)
        self.strings = frozenset(
            symbol.name
            for symbol in every
            if symbol.string_type and any(found.nodes for found, _ in symbol.raw.defaults)
        )

    def _relevant_names(self) -> tuple[str, ...]:
        """The names that may enter the run hash: options that can change a result, and groups.

        Members of a group are represented by it, so a new member changes no old hash. Symbols
        without a prompt follow from others.
        """
        symbols = self.symbols.values()
        free = [s.name for s in symbols if s.is_relevant and s.prompt and s.group is None]
        return (*free, *(group.name for group in self.groups.values() if group.is_relevant))

    def frees(self, name: str) -> bool:
        """Whether this option or choice, asked for, can make a preset custom (freed.py)."""
        names = self.groups[name].members if name in self.groups else (name,)
        return any(freed.intersection(names) for freed in self.freed.values())

    def resolve(self, layers: Sequence[Layer]) -> Configuration:
        """The configuration that the layers ask for, later ones first; all else is default.

        Raises ConfigError with every line that cannot be read, is unknown, out of range,
        contradictory, or not honoured; with KCONFIG_WERROR=0 they become
        `Configuration.problems` instead.
        """
        return Configuration(self, resolve(self, layers))


def load_tree(root: Path, policy: Policy | None = None) -> Tree:
    """Parse `<root>/Kconfig` strictly; the policy is the environment's unless given.

    Raises ConfigError with all that is wrong with the tree.
    """
    raw = backend.parse(root)
    return Tree(root, raw, policy or Policy.from_environment(os.environ))
