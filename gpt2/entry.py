"""Starting a program of this folder by its path: `python gpt2/train.py`, from anywhere.

Python then puts `gpt2/` on its search path (or nothing, with PYTHONSAFEPATH), not the folder above,
where the packages `lib` and `gpt2` live. So the process starts once more, with this file, which
takes the two packages from beside itself and runs the program as a module of its package. The
search path is nowhere edited, and no folder of the working directory or of PYTHONPATH takes the
place of ours. Ctrl+C while a program imports what it needs is then no traceback. A program begins
with

    if __name__ == "__main__" and not __package__:
        from pathlib import Path
        from runpy import run_path

        run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.train")

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

PACKAGES = ("lib", "gpt2")

# An interpreter that strips docstrings, ends at a warning or stays at the end is not what the
# programs are written for (also in the Makefile).
NOT_HANDED_ON = ("PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONSAFEPATH", "PYTHONWARNINGS")


def run_as_module(module: str) -> NoReturn:
    """Replace this process by one that runs `module`, with the same options and arguments.

    Exits with 2 and a sentence if the interpreter is too old or lacks a package.
    """
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        _refuse(f"{sys.executable} is Python {sys.version.split()[0]}; {wanted} is the oldest.")
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            _refuse(f"The Python package {package} is missing from {sys.executable}.")
    given = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    options = [option for option in given if option not in ("-O", "-OO")]
    # UTF-8, so that files and names mean the same in every locale. -P: this file's folder is no
    # place to search either, because `datasets` and `model` there are no packages of others.
    ours = ["-X", "utf8", "-P", str(Path(__file__).resolve())]
    environment = {k: v for k, v in os.environ.items() if k not in NOT_HANDED_ON}
    if sys.stdout is not None:
        sys.stdout.flush()
    command = [sys.executable, *options, *ours, module, *sys.argv[1:]]
    os.execve(sys.executable, command, environment)


def _refuse(what: str) -> NoReturn:
    print(f"{what} Run `make setup`, which fills .venv, and use .venv/bin/python.", file=sys.stderr)
    sys.exit(2)


def take_packages() -> None:
    """Make the packages beside this one importable, whatever the search path has."""
    root = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        folder = root / name
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


def run_module(arguments: Sequence[str]) -> int:
    """Run the module that is the first argument, with the others as its own."""
    module, *rest = arguments
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    take_packages()
    # Only here: a program started by its path finds no `lib` yet.
    from lib.cli import guarded

    sys.exit(guarded(run_module, sys.argv[1:]))
