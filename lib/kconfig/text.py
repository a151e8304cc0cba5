"""The text of a `.config` and of a minimal defconfig, from the tree's present state.

The forms are kconfiglib's own (a test compares them), but written by us: kconfiglib can only write
files, and does that in place.

A whole `.config` has a line for everything, and a line that stands at its default is nobody's
wish. Which lines those are can be computed until one line is edited by hand: then the lines beside
it are still at the defaults of before, which are no defaults any more. So a `.config` that is kept
in a file begins with what was asked for, and with a digest of its lines:

    # asked for: ARCH_PRESET_CUSTOM y
    # as written: 3f2a90c41b7d6e58

The first is not in the form of a line of data, so that a search-and-replace over the file leaves it
alone. stored.py reads both again.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.scan import ASKED_PREFIX, WRITTEN_PREFIX, digest_of_lines

if TYPE_CHECKING:
    import kconfiglib


def config_text(raw: "kconfiglib.Kconfig", header_lines: Sequence[str]) -> str:
    """The whole `.config`; each header line becomes a comment at the top."""
    return "".join([f"# {line}\n" for line in header_lines] + list(_body(raw)))


def file_text(raw: "kconfiglib.Kconfig", header_lines: Sequence[str]) -> str:
    """The whole `.config` with what was asked for at its top, as it is kept in a file."""
    body = config_text(raw, [])
    return "".join(f"# {line}\n" for line in (*header_lines, *_record(raw, body))) + body


def minimal_text(raw: "kconfiglib.Kconfig") -> str:
    """What `savedefconfig` writes: only what differs from the defaults, in menu order."""
    return "".join(symbol.config_string for symbol in _asked_for(raw))


def asked_names(raw: "kconfiglib.Kconfig") -> set[str]:
    """The symbols that `savedefconfig` writes, as things stand."""
    return {symbol.name for symbol in _asked_for(raw)}


def _record(raw: "kconfiglib.Kconfig", body: str) -> list[str]:
    """The comments about a `.config` with this body, for its top; without their comment signs."""
    asked = []
    for symbol in _asked_for(raw):
        line = symbol.config_string.rstrip("\n")
        value = line.partition("=")[2] if line.startswith("CONFIG_") else "n"
        asked.append(f"{ASKED_PREFIX}{symbol.name} {value}")
    digest = WRITTEN_PREFIX + digest_of_lines(body.split("\n"))
    return [line.removeprefix("# ") for line in (*asked, digest)]


def _asked_for(raw: "kconfiglib.Kconfig") -> list["kconfiglib.Symbol"]:
    return [symbol for symbol in raw.unique_defined_syms if backend.is_asked_for(symbol)]


def _body(raw: "kconfiglib.Kconfig") -> Iterator[str]:
    written: set[str] = set()
    # Behind the end of a menu a symbol is set off by a blank line.
    is_after_end = False
    for node, is_end in _walk(raw.top_node):
        item = node.item
        is_shown_menu = (
            backend.is_menu(item)
            and backend.expression_value(node.dep)
            and backend.expression_value(node.visibility)
        )
        if is_end:
            if is_shown_menu:
                is_after_end = True
                yield f"# end of {node.prompt[0]}\n"
        elif backend.is_symbol(item):
            if item.config_string and item.name not in written:
                yield "\n" * is_after_end + item.config_string
                is_after_end = False
            written.add(item.name)
        elif is_shown_menu or (backend.is_comment(item) and backend.expression_value(node.dep)):
            yield f"\n#\n# {node.prompt[0]}\n#\n"
            is_after_end = False


def _walk(parent: "kconfiglib.MenuNode") -> Iterator[tuple["kconfiglib.MenuNode", bool]]:
    """Each menu node below `parent`, and once more, marked True, when its children are done."""
    node = parent.list
    while node is not None:
        yield node, False
        if node.list is not None:
            yield from _walk(node)
            yield node, True
        node = node.next
