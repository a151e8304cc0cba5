"""The command line of what is done with a trained run: sample.py, hellaswag.py, latency.py.

Each takes `--run` and `--checkpoint`, options of its own, and assignments to the Kconfig symbols
that concern it, on the command line or from Make. The rest is the run's own frozen configuration;
a symbol that is younger than the run has its default. Knows no torch.
"""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

from lib.arms import run_settings
from lib.cli import ROOT
from lib.current import results_folder
from lib.find_run import find_run
from lib.kconfig import (
    load_tree,
    override_layer,
    overrides_from_arguments,
    overrides_from_environment,
)
from lib.runs import RunDirectory

# Where a run is evaluated, which does not change what it learned.
COMMON = ("DEVICE", "DTYPE", "CPU_THREADS", "DATA_DIR", "DATA_MIRROR", "RESULTS_DIR")

Pairs = list[tuple[str, str]]


def command_line(
    program: str, description: str, symbols: Collection[str]
) -> argparse.ArgumentParser:
    """A parser with what every command of this kind takes. symbols: those of the command."""
    names = ", ".join(_option(name) for name in (*symbols, *COMMON))
    parser = argparse.ArgumentParser(
        prog=f"python gpt2/{program}.py",
        description=description,
        allow_abbrev=False,
        epilog=f"Options of the configuration that count here: {names}.",
    )
    parser.add_argument(
        "--run", metavar="RUN", required=True, help="a run's folder, its name, or a part of it"
    )
    parser.add_argument(
        "--checkpoint", metavar="WHICH", default="latest", help="latest (default), best, or a file"
    )
    return parser


def whole_number(least: int) -> Callable[[str], int]:
    """A type of argparse: a whole number that is no less."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} up")
        return int(text)

    return read


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str], symbols: Collection[str]
) -> tuple[argparse.Namespace, Pairs]:
    """The options of the command, and its assignments to symbols, checked by the tree.

    Raises ValueError for a symbol that does not concern the command, ConfigError for a bad value.
    """
    options, rest = parser.parse_known_args(arguments)
    layers = (overrides_from_environment(os.environ), overrides_from_arguments(rest))
    pairs = [(found.name, found.value) for layer in layers for found in layer.assignments]
    known = (*symbols, *COMMON)
    for name, _ in pairs:
        if name not in known:
            listed = ", ".join(map(_option, known))
            raise ValueError(f"{_option(name)} does not concern this command. These do: {listed}.")
    return options, pairs


def note(line: str) -> None:
    """Say something beside the result, so that `make sample > file` holds nothing else."""
    print(line, file=sys.stderr, flush=True)


def run_and_settings(wanted: str, pairs: Pairs) -> tuple[RunDirectory, dict[str, Any]]:
    """The run, and the typed values to evaluate it with, every axis reduced to its member.

    Raises ValueError where it is no run, ConfigError for a bad value.
    """
    tree = load_tree(ROOT)
    chosen = tree.resolve([override_layer(pairs)]).typed()
    run = find_run(wanted, results_folder(tree, pairs))
    settings = dict(tree.resolve([]).typed()) | run_settings(run.config())
    return run, settings | {name: chosen[name] for name, _ in pairs}


def _option(name: str) -> str:
    return f"--{name.lower().replace('_', '-')}"
