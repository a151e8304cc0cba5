"""`python -m scripts.report [MATRIX_FOLDER]`: write the page and print the scoreboard.

Without a folder: the matrix of the current configuration, which `make report` means.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.cli import guarded

from . import scoreboard_text, write_report


def main(arguments: Sequence[str]) -> int:
    """Raises ValueError if there is no plan, OSError if the report cannot be written."""
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument(
        "matrix_folder", type=Path, nargs="?", help="a folder below results/matrices"
    )
    parser.add_argument(
        "--text-only", action="store_true", help="print the scoreboard and write nothing"
    )
    options = parser.parse_args(arguments)
    folder = options.matrix_folder or _current_matrix()
    say(scoreboard_text(folder, None))
    if not options.text_only:
        say(f"\nreport: {_short(write_report(folder))}\n")
    return 0


def _current_matrix() -> Path:
    # Planning reads the whole Kconfig tree; a named folder needs none of that.
    from lib.current import load_configuration
    from scripts.matrix.plan import plan

    return plan(load_configuration()).folder


def say(text: str) -> None:
    """Print, even where the terminal's encoding lacks a character of some name."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _short(path: Path) -> str:
    """Relative to where we are, if it is below: shorter, and the same on every machine."""
    here = Path(os.getcwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
