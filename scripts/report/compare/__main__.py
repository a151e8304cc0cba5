"""`make compare RUNS="a b c"` or `LATEST=3`: ended runs side by side, here and as a page.

The page is compare.html in the results folder, one file that opens anywhere. Never imports torch.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.cli import ROOT, guarded
from lib.current import results_folder
from lib.kconfig import load_tree, overrides_from_environment
from scripts.report import WIDTH_WITHOUT_TERMINAL
from scripts.report.terminal import short_path

from .chosen import choose
from .comparison import Comparison
from .text import render


def main(arguments: Sequence[str]) -> int:
    """Raises ValueError for runs that cannot be compared, OSError if nothing can be written."""
    parser = argparse.ArgumentParser(
        prog="make compare", description=__doc__, allow_abbrev=False, epilog="Exit code 2: usage."
    )
    parser.add_argument("--runs", metavar='"A B C"', help="folders, names, or parts of names")
    parser.add_argument("--latest", metavar="N", help="the N runs that ended last")
    options = parser.parse_args(arguments)
    results = _results()
    chosen = choose(options.runs, options.latest, results)
    if options.latest and len(chosen) < int(options.latest):
        print(f"LATEST={options.latest}: only {len(chosen)} have ended.\n")
    comparison = Comparison(chosen, results)
    width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
    print(render(comparison, width), end="")
    # Templates and figures cost half a second to import; the text above does without.
    from .page import write

    print(f"\npage: {short_path(write(comparison, results))}")
    return 0


def _results() -> Path:
    """Raises ConfigError where `.config` is wrong, ValueError for another option than its own."""
    given = overrides_from_environment(os.environ).assignments
    pairs = [(assignment.name, assignment.value) for assignment in given]
    for name, _ in pairs:
        if name != "RESULTS_DIR":
            raise ValueError(
                f"{name} does not concern a comparison: its runs have ended. RUNS, LATEST and "
                "RESULTS_DIR do."
            )
    return results_folder(load_tree(ROOT), pairs)


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
