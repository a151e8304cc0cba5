"""The page people read, made from the files of `results/` alone; never trains, never invents."""

from pathlib import Path

from .load import load_matrix
from .scoreboard import Scoreboard
from .text import render


def scoreboard_text(matrix_folder: Path, width: int | None) -> str:
    """The scoreboard of a matrix as text in `width` columns (None: as wide as it needs).

    Raises ValueError if the folder holds no plan.
    """
    return render(Scoreboard(load_matrix(matrix_folder)), width)


def write_report(matrix_folder: Path) -> Path:
    """Write report/{report.html, report.md, summary.csv, *.svg}; returns the path of the page.

    Raises ValueError if the folder holds no plan, OSError if nothing can be written.
    """
    # Templates and figures cost half a second to import; the text above does without.
    from .page import write

    return write(Scoreboard(load_matrix(matrix_folder)))
