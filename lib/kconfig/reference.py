"""docs/configuration.md, generated: every option of the tree, by menu, from the tree itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.explain import (
    default_texts,
    dependency_text,
    prompt_condition,
    range_texts,
    results_text,
    symbol_type,
)
from lib.kconfig.groups import Group
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    import kconfiglib

    from lib.kconfig.tree import Tree

_INTRODUCTION = """\
# Configuration reference

Generated from the Kconfig files by `make docs`; edit those, not this.

An option is set in `make menuconfig`, in a defconfig or fragment (`CONFIG_MAX_ITERS=200`), after
`make` (`MAX_ITERS=200`) or after `train.py` (`--max-iters 200`). Of a *choice* exactly one member
is y; every enabled member of an *axis* is an arm of the matrix. After `make` both take values:
`DEVICE=cpu`, `OPTIMIZER=adamw,adamwprune`. An option marked *results unaffected* stays out of the
hash that identifies a run; one marked *results unaffected at 0* does so at that value.

`.config` has a line for every option. A line that stands at its default is a default: it moves when
the command line, a fragment, a variation, a sweep or the menu changes what it depends on. What
`make savedefconfig` would write was asked for, and stays; the top of the file lists it. Edit any
line by hand, and that line is asked for too. A line beside it that stood at its default follows the
edit, which a note says; after `make olddefconfig` the file has the new values, and can be edited
again. Do not edit the list at the top.
"""


def reference(tree: "Tree") -> str:
    """The whole page, as Markdown; the same on every machine."""
    return "\n".join([_INTRODUCTION, *_menu(tree, tree.state.raw.top_node, 2)]).rstrip() + "\n"


def _menu(tree: "Tree", parent: "kconfiglib.MenuNode", depth: int) -> Iterator[str]:
    told: set[str] = set()
    for node in _children(parent):
        item = node.item
        if backend.is_menu(item):
            yield f"{'#' * depth} {node.prompt[0]}\n"
            yield from _menu(tree, node, depth + 1)
        elif backend.is_choice(item):
            group = tree.groups[tree.symbols[item.syms[0].name].group or ""]
            yield from _group(tree, group, node.prompt[0], depth, node.help)
        elif backend.is_symbol(item):
            symbol = tree.symbols[item.name]
            if symbol.group is not None and symbol.group not in told:
                told.add(symbol.group)
                group = tree.groups[symbol.group]
                yield from _group(tree, group, "every enabled member is an arm", depth, None)
            elif symbol.group is None and symbol.prompt is not None:
                yield from _symbol(symbol, depth)


def _children(parent: "kconfiglib.MenuNode") -> Iterator["kconfiglib.MenuNode"]:
    """Menus, choices and symbols right below a menu; a symbol's own children follow it.

    kconfiglib hangs symbols that depend on the one before below it, for the indentation in
    menuconfig; to a reader of the reference they stand beside it.
    """
    node = parent.list
    while node is not None:
        yield node
        if backend.is_symbol(node.item):
            yield from _children(node)
        node = node.next


def _symbol(symbol: Symbol, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {symbol.name}\n"
    yield f"{symbol.prompt}.\n"
    yield f"- type: {symbol_type(symbol)}"
    yield from (f"- range: {text}" for text in range_texts(symbol))
    yield from (f"- default: `{text}`" for text in default_texts(symbol))
    if dependency := dependency_text(symbol):
        yield f"- depends on: `{dependency}`"
    if condition := prompt_condition(symbol):
        yield f"- can be set if: `{condition}`"
    if results := results_text(symbol):
        yield f"- results {results}"
    yield f"- defined at {symbol.file}"
    yield ""
    if words := _words(symbol.help):
        yield f"{words}\n"


def _group(
    tree: "Tree", group: Group, prompt: str, depth: int, help_text: str | None
) -> Iterator[str]:
    yield f"{'#' * depth} {group.name}\n"
    yield f"{'Choice' if group.kind == 'choice' else 'Axis'}: {prompt}.\n"
    if words := _words(help_text or ""):
        yield f"{words}\n"
    yield "| value | symbol | meaning |"
    yield "|---|---|---|"
    for member in group.members:
        symbol = tree.symbols[member]
        meaning = " ".join(f"{symbol.prompt}. {_words(symbol.help)}".split()).replace("|", "\\|")
        if group.kind == "axis" and (dependency := dependency_text(symbol)):
            meaning += f" Depends on `{dependency.replace('|', chr(92) + '|')}`."
        yield f"| `{group.value_of(member)}` | {member} | {meaning} |"
    yield ""
    if group.kind == "choice":
        choice = tree.symbols[group.members[0]].raw.choice
        for default, condition in choice.orig_defaults:
            always = backend.is_always(condition, tree.state.raw)
            suffix = "" if always else f" if `{backend.expression_text(condition)}`"
            yield f"- default: `{group.value_of(default.name)}`{suffix}"
    if results := results_text(group):
        yield f"- results {results}"
    yield f"- defined at {group.file}"
    yield ""


def _words(help_text: str) -> str:
    """A help text without our annotation lines, which the page shows in its own way."""
    lines = [
        line.strip()
        for line in help_text.strip().splitlines()
        if not line.strip().startswith(("Type:", "Axis:", "Results:"))
    ]
    return "\n".join(lines).strip()
