"""Where measurements are written: marked places of a page, one for each."""

from pathlib import Path

from lib.files import write_atomic
from scripts.docs.tables import PLACE, place


def write_place(path: Path, name: str, heading: str, text: str) -> None:
    """Put the text into its place of the page; a place that is not there is made, at the end,
    under its heading, and so is a page. Raises OSError."""
    old = path.read_text("utf-8") if path.is_file() else "# Benchmarks\n"
    new = place(name, text)
    places = [match for match in PLACE.finditer(old) if match.group(1) == name]
    if places:
        first = places[0]
        write_atomic(path, old[: first.start()] + new + old[first.end() :])
    else:
        write_atomic(path, f"{old.rstrip()}\n\n## {heading}\n\n{new}")
