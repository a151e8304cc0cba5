"""Short names that people type after `make`, for symbols with other names.

An alias counts only if the tree has its target; else it is as unknown as any other name.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from lib.kconfig.errors import Problem
from lib.kconfig.scan import Assignment
from lib.kconfig.symbols import Symbol

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


def expand_alias(
    assignment: Assignment, symbols: Mapping[str, Symbol], groups: Collection[str]
) -> list[Assignment | Problem]:
    """The assignments that an assignment stands for; itself if its name is no alias."""
    if assignment.name == TRACKER and TRACKER not in symbols:
        return _expand_trackers(assignment, symbols)
    return [replace(assignment, name=target_of(assignment.name, symbols, groups))]


def target_of(name: str, symbols: Mapping[str, Symbol], groups: Collection[str]) -> str:
    """The name that an alias stands for; the name itself if it is none."""
    target = ALIASES.get(name, name)
    is_known = target in symbols or target in groups
    return target if is_known and name not in symbols else name


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
