"""`make docs`: write the pages, and the tables in pages, that follow from the code.

docs/configuration.md, docs/arms.md, docs/coming-from.md and gpt2/reciprocal/Kconfig.steps are
generated as a whole. The other pages named below are written by hand around generated tables.
`--check` writes nothing and fails where a page is not what it would be.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib.cli import ROOT, guarded
from lib.files import write_atomic
from lib.kconfig import load_tree
from lib.kconfig.reference import reference
from scripts.docs import (
    architectures,
    arms,
    coming_from,
    data,
    measurement,
    optimizers,
    pruning,
    ra_steps,
    testing,
)
from scripts.docs.tables import fill


def pages() -> Mapping[Path, str]:
    """Every page that has something generated, as it should be.

    Raises ValueError if a page lacks a place for a table, or has one that nothing fills.
    """
    tree = load_tree(ROOT)
    by_hand = {
        optimizers.PAGE: optimizers.contents(tree),
        pruning.PAGE: pruning.contents(tree),
        testing.PAGE: testing.contents(),
        measurement.PAGE: measurement.contents(tree),
        data.PAGE: data.contents(),
        architectures.PAGE: architectures.contents(tree),
        ra_steps.PAGE: ra_steps.contents(),
    }
    found = {
        ROOT / "docs" / "configuration.md": reference(tree),
        arms.PAGE: arms.page(tree),
        coming_from.PAGE: coming_from.page(),
    }
    for path, tables in by_hand.items():
        found[path] = fill(path.read_text("utf-8"), tables)
    return found


def write_kconfig(is_check: bool) -> None:
    """The part of the Kconfig tree that a registry decides; the tree is read after it."""
    _settle(ra_steps.KCONFIG, ra_steps.kconfig(), is_check)


def _settle(path: Path, text: str, is_check: bool) -> None:
    if not is_check:
        write_atomic(path, text)
    elif not path.is_file() or path.read_text("utf-8") != text:
        name = path.relative_to(ROOT)
        raise ValueError(f"{name} does not say what the code says. Write it with `make docs`.")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on drift")
    is_check = parser.parse_args(arguments).check
    write_kconfig(is_check)
    for path, text in pages().items():
        _settle(path, text, is_check)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
