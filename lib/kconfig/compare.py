"""The difference between two configuration files, line by meaning instead of line by line."""

from collections.abc import Mapping

from lib.kconfig.scan import Layer
from lib.kconfig.symbols import Symbol
from lib.kconfig.values import is_same_value


def differences(before: Layer, after: Layer, symbols: Mapping[str, Symbol]) -> list[str]:
    """One line a symbol, sorted: `-X 1` gone, `+X 1` new, ` X 1 -> 2` changed.

    Absent is not n: a symbol that was hidden and is now n is new. symbols: those of the tree; the
    values of any other are compared as texts.
    """

    def is_same(name: str) -> bool:
        if name not in symbols:
            return old[name] == new[name]
        return is_same_value(symbols[name], old[name], new[name])

    old = {assignment.name: assignment.value for assignment in before.assignments}
    new = {assignment.name: assignment.value for assignment in after.assignments}
    gone = [f"-{name} {_shown(old[name])}" for name in sorted(old.keys() - new.keys())]
    changed = [
        f" {name} {_shown(old[name])} -> {_shown(new[name])}"
        for name in sorted(old.keys() & new.keys())
        if not is_same(name)
    ]
    added = [f"+{name} {_shown(new[name])}" for name in sorted(new.keys() - old.keys())]
    return gone + changed + added


def _shown(value: str) -> str:
    return value or '""'
