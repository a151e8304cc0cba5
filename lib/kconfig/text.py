"""The text of a `.config`, from the tree's present state.

The form is kconfiglib's own (a test compares the two), but written by us: kconfiglib can
only write files, and does that in place.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.minimal import record_lines

if TYPE_CHECKING:
    import kconfiglib


def config_text(raw: "kconfiglib.Kconfig", header_lines: Sequence[str]) -> str:
    """The whole `.config`; each header line becomes a comment at the top."""
    return "".join([f"# {line}\n" for line in header_lines] + list(_body(raw)))


def file_text(raw: "kconfiglib.Kconfig", header_lines: Sequence[str]) -> str:
    """The whole `.config` with what was asked for at its top, as it is kept in a file."""
    body = config_text(raw, [])
    return "".join(f"# {line}\n" for line in (*header_lines, *record_lines(raw, body))) + body


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
