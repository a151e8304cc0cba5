"""Starting a program of this folder by its path: `python gpt2/train.py`, from anywhere.

Python then puts `gpt2/` on its search path, not the folder above, where the packages `lib` and
`gpt2` live. So the program starts itself once more as a module, in the same process, with the
folder above on PYTHONPATH; the search path is nowhere edited. It is this file that then runs the
module, because Ctrl+C while a program imports what it needs is no reason for a traceback. A program
begins with

    if __name__ == "__main__" and not __package__:
        from entry import run_as_module

        run_as_module("gpt2.train")

The working directory stays the caller's; paths in the configuration start at the root anyway.
"""

import importlib.util
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

OLDEST_PYTHON = (3, 11)

# What a program of this folder needs before it can say anything itself.
NEEDED = ("kconfiglib", "numpy")


def run_as_module(module: str) -> NoReturn:
    """Replace this process by `python -m module` with the same interpreter options and arguments.

    Exits with 2 and a sentence if the interpreter is too old or lacks a package.
    """
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        _refuse(f"{sys.executable} is Python {sys.version.split()[0]}; {wanted} is the oldest.")
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            _refuse(f"The Python package {package} is missing from {sys.executable}.")
    root = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = f"{root}{os.pathsep}{inherited}" if inherited else root
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    # -P, because a folder `lib` or `gpt2` in the working directory must not take our place.
    command = [sys.executable, *options, "-P", "-m", "gpt2.entry", module, *sys.argv[1:]]
    sys.stdout.flush()
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": path})


def _refuse(what: str) -> NoReturn:
    print(f"{what} Run `make setup`, which fills .venv, and use .venv/bin/python.", file=sys.stderr)
    sys.exit(2)


def run_module(arguments: Sequence[str]) -> int:
    """Run the module that is the first argument, with the others as its own."""
    module, *rest = arguments
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    # Only here: a program started by its path finds no `lib` yet.
    from lib.cli import guarded

    sys.exit(guarded(run_module, sys.argv[1:]))
