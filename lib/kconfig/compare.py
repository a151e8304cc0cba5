"""The difference between two configuration files, line by meaning instead of line by line."""

from lib.kconfig.scan import Layer


def differences(before: Layer, after: Layer) -> list[str]:
    """One line a symbol, sorted: `-X 1` gone, `+X 1` new, ` X 1 -> 2` changed.

    Absent is not n: a symbol that was hidden and is now n is new.
    """
    old = {assignment.name: assignment.value for assignment in before.assignments}
    new = {assignment.name: assignment.value for assignment in after.assignments}
    gone = [f"-{name} {_shown(old[name])}" for name in sorted(old.keys() - new.keys())]
    changed = [
        f" {name} {_shown(old[name])} -> {_shown(new[name])}"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    ]
    added = [f"+{name} {_shown(new[name])}" for name in sorted(new.keys() - old.keys())]
    return gone + changed + added


def _shown(value: str) -> str:
    return value or '""'
