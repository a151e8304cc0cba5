"""Markdown tables, and the places of a page that hold generated ones.

A page written by hand marks such a place with two comments, each on a line of its own:

    <!-- generated: NAME -->
    <!-- end -->

What stands between them is replaced; all else is left as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

PLACE = re.compile(r"<!-- generated: (\S+) -->\n(.*?)<!-- end -->\n", re.DOTALL)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without a line break at its end."""
    # A bar would end the cell: |w| needs escaping even inside backquotes.
    lines = [header, ["---"] * len(header), *([c.replace("|", "\\|") for c in r] for r in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(text: str) -> str:
    """As code; "-" for nothing stays a dash."""
    return text if text in ("", "-") else f"`{text}`"


def place(name: str, content: str) -> str:
    """A marked place with its content."""
    return f"<!-- generated: {name} -->\n\n{content}\n\n<!-- end -->\n"


def fill(page: str, contents: Mapping[str, str]) -> str:
    """The page with every marked place filled.

    Raises ValueError if the page has a place that nothing fills, or lacks one of `contents`.
    """
    found = [match.group(1) for match in PLACE.finditer(page)]
    if sorted(found) != sorted(contents):
        raise ValueError(
            f"the page has places for {', '.join(found) or 'nothing'} and the generator has "
            f"{', '.join(contents)}; mark each once, as scripts/docs/tables.py shows"
        )
    return PLACE.sub(lambda match: place(match.group(1), contents[match.group(1)]), page)
