"""`python -m scripts.report [MATRIX_FOLDER]`: write the page and print the scoreboard.

Without a folder, as `make report` asks: scripts/matrix/last.py says of which matrix.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.cli import guarded

from . import scoreboard_text, write_report
from .terminal import short_path


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
    print(scoreboard_text(folder, None), end="")
    if not options.text_only:
        print(f"\nreport: {short_path(write_report(folder))}")
    return 0


def _current_matrix() -> Path:
    # Planning reads the whole Kconfig tree; a named folder needs none of that.
    from lib.current import load_configuration
    from scripts.matrix.last import matrix_to_show

    folder, line = matrix_to_show(load_configuration())
    print(f"Report of {line}.", file=sys.stderr)
    return folder


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
