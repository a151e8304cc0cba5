"""What every tool shares: the tree here, the `.config` here, and an end without a traceback.

Exit status: 0 done, 1 no `.config` yet, 2 refused (wrong configuration or usage), and what
lib/cli.py says of files and signals. A tool writes once, at its end: an interrupted one nothing.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from lib.cli import guarded
from lib.kconfig import Configuration, Layer, Problem, Tree, load_tree
from lib.kconfig.store import config_path, read_config

Tool = Callable[[list[str]], int | None]


def run(tool: Tool) -> NoReturn:
    """Call `tool` with the arguments and exit with its status (None is 0)."""

    def main(arguments: Sequence[str]) -> int:
        return tool(list(arguments)) or 0

    sys.exit(guarded(main, sys.argv[1:]))


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the tool's docstring."""
    style = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=style)


def tree_here() -> Tree:
    """The tree of the working directory, which Make makes the top folder."""
    return load_tree(Path.cwd())


def config_here() -> Path:
    """The `.config` to work on ($KCONFIG_CONFIG)."""
    return config_path(os.environ)


def current(tree: Tree, has_notes: bool = True) -> tuple[Layer, Configuration]:
    """The present `.config` and what it resolves to; warnings and notes are printed.

    has_notes: False where Make calls what prints them next.
    """
    layer = read_config(config_here())
    configuration = tree.resolve([layer])
    warn(configuration.problems)
    if has_notes:
        tell(configuration.notes)
    return layer, configuration


def warn(problems: Iterable[Problem]) -> None:
    """Print what KCONFIG_WERROR=0 lets pass."""
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


def tell(notes: Iterable[str]) -> None:
    """Print what was read otherwise than it is written."""
    for line in notes:
        print(f"note: {line}", file=sys.stderr)


def note(problems: Iterable[Problem]) -> None:
    """Print what a layer has legally hidden: no mistake, but nobody should wonder later."""
    for problem in problems:
        print(f"note: {problem.place}: {problem.what}", file=sys.stderr)
