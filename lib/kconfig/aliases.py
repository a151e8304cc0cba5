"""Words of a command line that are no names or values of the tree, and what they stand for.

Short names that people type after `make`, the names that earlier systems have for the same option,
and True or yes for y. A name counts only if the tree has its target; else it is as unknown as any
other. Files have none of this: there a symbol has its own name, and y or n.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lib.kconfig.earlier import SAME, VALUES
from lib.kconfig.errors import Problem
from lib.kconfig.groups import Group
from lib.kconfig.scan import Assignment, Layer
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree

ALIASES = {
    "ABLATION_STEPS": "RA_STEP",
    "EPOCHS": "NUM_EPOCHS",
    "TIME": "MAX_TIME",
    "USE_TENSORBOARD": "TRACKER_TENSORBOARD",
}

# TRACKER=a,b sets one bool each; these words stand for none or several of them.
TRACKER = "TRACKER"
TRACKER_PREFIX = "TRACKER_"
TRACKERS = ("tensorboard", "trackio", "wandb")
_TRACKER_WORDS = {"none": (), "both": ("trackio", "wandb")}

# As Python, YAML and C write a bool.
BOOLS = {"true": "y", "yes": "y", "1": "y", "false": "n", "no": "n", "0": "n"}


def expand_alias(
    assignment: Assignment, symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> list[Assignment | Problem]:
    """The assignments that an assignment stands for; itself if its words are those of the tree."""
    if assignment.name == TRACKER and TRACKER not in symbols:
        return _expand_trackers(assignment, symbols)
    name = target_of(assignment.name, symbols, groups)
    value = meant_by(assignment.value, name, symbols, groups)
    return [replace(assignment, name=name, value=value)]


def meant_by(
    text: str, name: str, symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> str:
    """The value of a symbol or group that a text stands for; the text where it is one itself."""
    value = VALUES.get(name, {}).get(text.lower(), text)
    if name in symbols and symbols[name].kind == "bool":
        return BOOLS.get(value.lower(), value)
    if name in groups and {"on", "off"} <= set(groups[name].values):
        is_on = BOOLS.get(value.lower(), value)
        return {"y": "on", "n": "off"}.get(is_on, value)
    return value


def target_of(name: str, symbols: Collection[str], groups: Collection[str]) -> str:
    """The name in the tree that `name` stands for; itself where it stands for none."""
    if name in symbols or name in groups:
        return name
    target = ALIASES.get(name) or SAME.get(name)
    return target if target is not None and (target in symbols or target in groups) else name


def translated(layer: Layer, tree: "Tree") -> list[str]:
    """A sentence for each word of an earlier system that the command line has."""
    lines = []
    for found in layer.assignments:
        name = target_of(found.name, tree.symbols, tree.groups)
        value = VALUES.get(name, {}).get(found.value.lower())
        if name != found.name and found.name in SAME:
            lines.append(f"{found.place}: {found.name} is {name} here")
        if value is not None:
            lines.append(f"{found.place}: {name}={found.value} is {name}={value or '(empty)'} here")
    return lines


def tracker_symbols(symbols: Collection[str]) -> list[str]:
    """The symbols of the tree that TRACKER sets."""
    named = (TRACKER_PREFIX + name.upper() for name in TRACKERS)
    return [symbol for symbol in named if symbol in symbols]


def _expand_trackers(
    assignment: Assignment, symbols: Mapping[str, Symbol]
) -> list[Assignment | Problem]:
    present = [symbol.removeprefix(TRACKER_PREFIX).lower() for symbol in tracker_symbols(symbols)]
    if not present:
        return [assignment]
    wanted: set[str] = set()
    for word in assignment.value.split(","):
        named = _TRACKER_WORDS.get(word, (word,))
        for name in named:
            if name not in present:
                what = f"TRACKER={assignment.value} names {name or 'nothing'}"
                words = ", ".join([*present, *_TRACKER_WORDS])
                return [assignment.problem(what, f"choose from {words}")]
        wanted.update(named)
    return [
        replace(
            assignment, name=TRACKER_PREFIX + name.upper(), value="y" if name in wanted else "n"
        )
        for name in present
    ]
