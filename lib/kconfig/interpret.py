"""What the lines of one layer mean for a tree: names looked up, groups expanded, values checked.

Finds here: unknown names, values of the wrong type, symbols without a prompt, a symbol set twice,
and two members of one choice set to y. The last must be found per layer: in two layers it is a
legal override, and kconfiglib's own state cannot tell the two apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lib.kconfig.aliases import expand_alias
from lib.kconfig.errors import Problem, shown
from lib.kconfig.groups import Group
from lib.kconfig.hints import unknown_name
from lib.kconfig.scan import Assignment, Kind, Layer
from lib.kconfig.sweep import PARSERS, sweep_complaint
from lib.kconfig.symbols import Symbol
from lib.kconfig.values import value_complaint

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


@dataclass(frozen=True)
class Request:
    """One checked wish for one symbol, and where it stands."""

    name: str
    value: str
    file: str
    line: int
    kind: Kind

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, what: str, remedy: str) -> Problem:
        """A problem at this request."""
        return Problem(self.file, self.line, what, remedy)


def interpret(tree: "Tree", layer: Layer) -> tuple[dict[str, Request], list[Problem]]:
    """The requests of a layer by symbol, and all that is wrong with it; what is wrong is left out.

    Of two requests for one symbol or choice the last is kept, for KCONFIG_WERROR=0.
    """
    problems = list(layer.problems)
    requests: dict[str, Request] = {}
    chosen: dict[str, Request] = {}
    for found in _checked(tree, layer):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        if earlier := requests.get(found.name):
            what = f"{found.name}={found.value}, but {earlier.place} says {earlier.value}"
            problems.append(found.problem(what, "keep one of the two"))
        requests[found.name] = found
        choice = _choice_of(tree, found.name)
        if choice is not None and found.value == "y":
            rival = chosen.get(choice.name)
            if rival is not None and rival.name != found.name:
                what = f"{found.name}=y, but {rival.name}=y at {rival.place}"
                problems.append(found.problem(what, f"{choice.name} takes one of them: keep one"))
            chosen[choice.name] = found
    return requests, problems


def _choice_of(tree: "Tree", name: str) -> Group | None:
    group = tree.groups.get(tree.symbols[name].group or "")
    return group if group is not None and group.kind == "choice" else None


def _checked(tree: "Tree", layer: Layer) -> Iterator[Request | Problem]:
    axes: dict[str, Assignment] = {}
    for wish in layer.assignments:
        wishes = [wish]
        if layer.kind == "override":
            wishes = expand_alias(wish, tree.symbols, tree.groups)
        for assignment in wishes:
            if isinstance(assignment, Problem):
                yield assignment
            elif assignment.name in tree.symbols:
                yield from _one(tree, layer.kind, tree.symbols[assignment.name], assignment)
            elif assignment.name in tree.groups:
                group = tree.groups[assignment.name]
                if group.kind == "axis" and group.name in axes:
                    first = axes[group.name].value
                    what = f"{group.name}={assignment.value}, but {assignment.file} says {first}"
                    remedy = f"write {group.name}={first},{assignment.value}, or keep one"
                    yield assignment.problem(what, remedy)
                    continue
                axes[group.name] = assignment
                yield from _group(layer.kind, group, assignment)
            elif tree.policy.warns_unknown:
                yield assignment.problem(*unknown_name(tree, assignment.name))


def _one(
    tree: "Tree", kind: Kind, symbol: Symbol, assignment: Assignment
) -> Iterator[Request | Problem]:
    name, value = symbol.name, assignment.value
    if symbol.prompt is None:
        # In a `.config` such a line only reports; an edit elsewhere makes it stale. It is renewed.
        if kind != "state":
            what = f"{name} is derived from other symbols and cannot be set"
            yield assignment.problem(what, f"remove it; {symbol.place} says how it is derived")
        return
    complaint = value_complaint(symbol, value)
    remedy = f"give it a value as {symbol.place} describes"
    if assignment.is_quoted and symbol.kind != "string":
        complaint, remedy = "is in quotes, but is no string", f"write CONFIG_{name}={value}"
    elif assignment.is_quoted is False and symbol.kind == "string":
        complaint, remedy = "lacks its quotes", f'write CONFIG_{name}="{shown(value)}"'
    elif symbol.kind == "bool":
        remedy = "write y or n"
    elif symbol.kind == "int" and complaint == "has leading zeros":
        remedy = f"write {int(value)}"
    elif symbol.string_type and symbol.string_type.base in PARSERS and complaint is None:
        complaint = sweep_complaint(symbol.string_type.base, value, tree.symbols, tree.groups)
    if complaint:
        yield assignment.problem(f"{name}={shown(value)} {complaint}", remedy)
    else:
        yield Request(name, value, assignment.file, assignment.line, kind)


def _group(kind: Kind, group: Group, assignment: Assignment) -> Iterator[Request | Problem]:
    if kind != "override":
        meant = [group.member_of(value) for value in assignment.value.split(",")]
        members = [member for member in meant if member] or group.members[:3]
        lines = " or ".join(f"CONFIG_{member}=y" for member in members)
        what = f"{group.name} is no symbol but the {group.kind} of {', '.join(group.members)}"
        yield assignment.problem(what, f"write {lines}")
        return
    values = assignment.value.split(",") if group.kind == "axis" else [assignment.value]
    members = [group.member_of(value) for value in values]
    for value, member in zip(values, members, strict=True):
        if member is None:
            what = f"{group.name}={value or '(nothing)'} is no value of this {group.kind}"
            yield assignment.problem(what, f"choose from {', '.join(group.values)}")
        elif members.count(member) > 1:
            what = f"{group.name} names {value} more than once"
            yield assignment.problem(what, "name each member once")
    if None in members or len(set(members)) < len(members):
        return
    for member in group.members if group.kind == "axis" else members:
        assert member is not None
        found = replace(assignment, name=member, value="y" if member in members else "n")
        yield Request(found.name, found.value, found.file, found.line, kind)
