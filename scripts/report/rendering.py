"""The templates of the pages and the filters that they use."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from . import formats
from .load import Run, printable
from .scoreboard import Row
from .study import step_of

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> jinja2.Environment:
    """Markup is escaped; a name that a template does not know is an error, not an empty place."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _breakable,
        "cell": _markdown_cell,
        "commands": _commands,
        "count": formats.count,
        "folder": _folder,
        "nice": formats.typographic,
        "plain": _plain_line,
        "printable": printable,
        "prose": formats.prose,
        "twin": _twin,
    }
    return environment


def _folder(run: Run) -> str:
    """The address of a run's folder from the report's, which is two below results/matrices."""
    return f"../../../{quote(run.dir)}/"


def _breakable(name: str) -> Markup:
    """The name of an arm, which may go on in a new line between its parts."""
    base = escape(name).replace("adamwprune-", Markup("adamwprune-<wbr>"))
    return base.replace("+", Markup("+<wbr>"))


def _commands(sentence: str) -> Markup:
    """Prose, in which what is to be typed looks like it."""
    return Markup(re.sub(r"`((?:cp|make)\b[^`]*)`", r"<code>\1</code>", str(escape(sentence))))  # noqa: S704


def _twin(row: Row) -> str:
    """What a step is compared with, in a word or two: the rest of the label is the step's own."""
    if row.control is None:
        return "no twin"
    step = step_of(row.control)
    name = row.control if step is None else step.label
    return f"twin {name}, in part" if row.lacking else f"twin {name}"


def _markdown_cell(value: object) -> Markup:
    """Text that can break neither out of a Markdown table cell nor into HTML."""
    escaped = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for character in "\\|`*_[]":
        escaped = escaped.replace(character, "\\" + character)
    return Markup(escaped)  # noqa: S704


def _plain_line(value: object) -> Markup:
    """A line of an indented code block, where nothing is interpreted."""
    return Markup(printable(str(value)))  # noqa: S704
