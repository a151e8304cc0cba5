"""The configuration that a command works on: `.config`, and what its command line adds."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from lib.cli import ROOT
from lib.kconfig import (
    Configuration,
    Layer,
    Tree,
    load_tree,
    override_layer,
    overrides_from_environment,
    read_layer,
)
from lib.kconfig.aliases import translated
from lib.kconfig.store import config_path


def config_file() -> Path:
    """`$KCONFIG_CONFIG` or `.config`; a relative path starts at the repository root."""
    return ROOT / config_path(os.environ)


def load_configuration(
    overrides: Layer | None = None, *, path: Path | None = None
) -> Configuration:
    """`.config`, or the file `path`, with `overrides` on top; without them, those that Make hands
    on.

    Says on stderr what the command line changes, what was read otherwise than it is written, and
    what is only a warning because KCONFIG_WERROR=0. Raises NoConfig if there is no `.config`,
    ConfigError if it is wrong.
    """
    if overrides is None:
        overrides = overrides_from_environment(os.environ)
    tree = load_tree(ROOT)
    configuration = tree.resolve([stored_layer(path), overrides])
    for line in translated(overrides, tree):
        print(line, file=sys.stderr)
    for earlier, later in configuration.overridden:
        before = (earlier.value or "nothing") if earlier.name == later.name else earlier.name
        print(f"{later.place}: {later.name}={later.value} instead of {before}", file=sys.stderr)
    for problem in configuration.problems:
        print(f"warning: {problem}", file=sys.stderr)
    for note in configuration.notes:
        print(f"note: {note}", file=sys.stderr)
    return configuration


def stored_layer(path: Path | None = None) -> Layer:
    """What `.config`, or the file `path`, says. Raises NoConfig if there is none."""
    path = path or config_file()
    label = os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)
    # A defconfig serves as well: `KCONFIG_CONFIG=defconfigs/quickstart make`.
    return read_layer(path, label, kind=None if path.is_file() else "state")


def results_folder(tree: Tree, pairs: Iterable[tuple[str, str]]) -> Path:
    """Where runs are, for a command that needs no configuration: RESULTS_DIR of the command line's
    `pairs`, else of `.config`, else its default.

    Raises ConfigError if `.config` or the value is wrong.
    """
    path = config_file()
    layers = [read_layer(path, path.name)] if path.is_file() else []
    places = [(name, value) for name, value in pairs if name == "RESULTS_DIR"]
    return ROOT / tree.resolve([*layers, override_layer(places)]).typed().RESULTS_DIR
