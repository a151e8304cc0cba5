"""Text for terminals of any width and encoding: columns, folding, wrapping; ASCII of its own.

Needs nothing beyond the standard library, so that it costs no import time.
"""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

GAP = "  "


def short_path(path: Path) -> str:
    """Relative to where we are, if it is below: shorter, and the same on every machine."""
    here = Path(os.getcwd())
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def display_width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cells padded to the width of their column: the first to the left, the others to the right."""
    widths = [max(map(display_width, texts)) for texts in zip(*rows, strict=True)]
    return [[_pad(text, widths[i], left=i == 0) for i, text in enumerate(cells)] for cells in rows]


def table_width(table: Sequence[Sequence[str]]) -> int:
    return max(display_width(GAP.join(cells)) for cells in table)


def lines_of(table: Sequence[Sequence[str]]) -> list[str]:
    return [GAP.join(cells).rstrip() for cells in table]


def folded(table: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The lines of an aligned table. One that is too wide goes on below, each part with the first
    column again, so that no column is lost; a part has at least one column beside it."""
    head, *columns = zip(*table, strict=True)
    parts: list[list[tuple[str, ...]]] = [[head]]
    for column in columns:
        longer = [*parts[-1], column]
        fits = width is None or table_width(list(zip(*longer, strict=True))) <= width
        if fits or len(parts[-1]) == 1:
            parts[-1] = longer
        else:
            parts.append([head, column])
    texts = [lines_of(list(zip(*part, strict=True))) for part in parts]
    return [line for k, lines in enumerate(texts) for line in ([""] if k else []) + lines]


def wrapped(line: str, width: int | None) -> list[str]:
    """`line` broken at spaces; words longer than the width (names) are cut into pieces."""
    if width is None or display_width(line) <= width:
        return [line]
    pieces = [""]
    for word in line.split(" "):
        joined = f"{pieces[-1]} {word}" if pieces[-1] else word
        if display_width(joined) <= width:
            pieces[-1] = joined
            continue
        while display_width(word) > width:
            pieces.append(word[:width])
            word = word[width:]
        pieces.append(word)
    return [piece for piece in pieces if piece]


def _pad(text: str, width: int, left: bool) -> str:
    space = " " * (width - display_width(text))
    return text + space if left else space + text
