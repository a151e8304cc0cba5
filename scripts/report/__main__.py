"""`python -m scripts.report MATRIX_FOLDER`: write the page and print the scoreboard."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import scoreboard_text, write_report

WIDTH_WITHOUT_TERMINAL = 120
EXIT_USAGE, EXIT_IO = 2, 74


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 2 (no plan there) or 74 (cannot write)."""
    parser = argparse.ArgumentParser(prog="python -m scripts.report", description=__doc__)
    parser.add_argument("matrix_folder", type=Path, help="a folder below results/matrices")
    parser.add_argument(
        "--text-only", action="store_true", help="print the scoreboard and write nothing"
    )
    options = parser.parse_args(arguments)
    width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
    try:
        _say(scoreboard_text(options.matrix_folder, width))
        if not options.text_only:
            _say(f"\nreport: {_short(write_report(options.matrix_folder))}\n")
    except ValueError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"The report cannot be written: {error}. Make room or give rights.", file=sys.stderr)
        return EXIT_IO
    return 0


def _say(text: str) -> None:
    """Print, even where the terminal's encoding has not every character of a name."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _short(path: Path) -> str:
    """Relative to where we are, if it is below: shorter, and the same on every machine."""
    here = Path(os.getcwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(main())
