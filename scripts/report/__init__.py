"""The page people read, made from the files of `results/` alone; never trains, never invents."""

import shutil
from pathlib import Path

from .load import load_matrix
from .scoreboard import Scoreboard
from .text import render

WIDTH_WITHOUT_TERMINAL = 120


def scoreboard_text(matrix_folder: Path, width: int | None) -> str:
    """The scoreboard of a matrix as text in `width` columns (None: what the terminal has).

    Raises ValueError if the folder holds no plan.
    """
    if width is None:
        width = shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
    return render(Scoreboard(load_matrix(matrix_folder)), width)


def write_report(matrix_folder: Path) -> Path:
    """Write report/{report.html, report.md, summary.csv, *.svg}; returns the path of the page.

    Raises ValueError if the folder holds no plan, OSError if nothing can be written.
    """
    # Templates and figures cost half a second to import; the text above does without.
    from .page import write

    return write(Scoreboard(load_matrix(matrix_folder)))
