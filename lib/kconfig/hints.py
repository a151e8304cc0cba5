"""What to tell a person about a name that the tree does not have."""

import difflib
from typing import TYPE_CHECKING

from lib.kconfig.aliases import TRACKER, tracker_symbols
from lib.kconfig.earlier import MISSING
from lib.kconfig.renames import successor

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


def unknown_name(tree: "Tree", name: str) -> tuple[str, str]:
    """What is wrong with an unknown name, and what to do about it."""
    known = {*tree.symbols, *tree.groups}
    if tracker_symbols(tree.symbols):
        known.add(TRACKER)
        if name == TRACKER:
            what = f"{TRACKER} is a word for the command line"
            return what, f"write {how_to_write(tree, TRACKER)}"
    for missing in MISSING:
        if name in missing.asked_by and name not in known:
            return f"{name}: {missing.what} is not built yet; {missing.answer}", "remove it"
    was_known, new = successor(name, known)
    if new is not None:
        return f"{name} is now {new}", f"write {how_to_write(tree, new)}"
    if was_known:
        return f"{name} is not supported here and has no successor", "remove it"
    nearest = nearest_names(tree, name)
    what = f"there is no symbol {name}"
    if not nearest:
        return what, "remove it, or look for its name with `/` in `make menuconfig`"
    return what, f"did you mean {' or '.join(how_to_write(tree, near) for near in nearest)}"


def how_to_write(tree: "Tree", name: str) -> str:
    """A symbol as it is; a group by its members, for a file has only those."""
    if name == TRACKER:
        return f"one of {', '.join(tracker_symbols(tree.symbols))}"
    group = tree.groups.get(name)
    return name if group is None else f"one of {', '.join(group.members)}"


def nearest_names(tree: "Tree", name: str, count: int = 3) -> list[str]:
    """Symbols and groups whose names look like this one, the most similar first.

    Of a group that is among them no member, since the group is written as its members.
    """
    known = [*tree.symbols, *tree.groups]
    near = difflib.get_close_matches(name.upper(), known, n=count, cutoff=0.7)
    told = {member for each in near if each in tree.groups for member in tree.groups[each].members}
    return [each for each in near if each not in told]
