"""Lays layers over one another and checks that what was asked for is what came out.

Precedence: command line > fragment > defconfig or `.config` > default. A line of a `.config` that
stands at its default is a default (stored.py), and a component on the command line frees the preset
that fixes another (freed.py). After each layer the tree is evaluated, because what a later layer
may take away depends on whether it had been there:

- a value that its own layers did not bring about is an error (unmet dependency, range, ...);
- a value that a later layer hides is *dropped* if it came from a `.config`, which holds a line for
  everything (choosing the CPU there hides the GPU's options, as it would in menuconfig), or if
  the later layer is an override; it is an error between defconfigs and fragments, where every
  line is a wish;
- a value that is still visible but out of range is always an error.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lib.kconfig.diagnose import (
    default_problems,
    describe_clauses,
    no_member,
    not_honoured,
    unmet_clauses,
)
from lib.kconfig.errors import ConfigError, Problem
from lib.kconfig.freed import lay_freely
from lib.kconfig.groups import Group
from lib.kconfig.interpret import Request, interpret
from lib.kconfig.layers import Resolution, is_honoured, is_yes, lay_over
from lib.kconfig.scan import Layer
from lib.kconfig.stored import read_state

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


def resolve(tree: "Tree", layers: Sequence[Layer], base: Resolution | None = None) -> Resolution:
    """The resolution of `layers` on top of `base`. Raises ConfigError with all problems at once.

    With KCONFIG_WERROR=0 (the tree's policy) they are returned in `problems` instead.
    """
    resolution = base or Resolution()
    found: list[Problem] = []
    for layer in layers:
        requests, problems = interpret(tree, layer)
        found += problems
        if layer.kind == "state" and not resolution.layers:
            resolution = read_state(tree, layer, requests)
        elif layer.kind == "override":
            below, resolution = resolution, lay_freely(tree, resolution, layer, requests)
            resolution = replace(
                resolution,
                notes=resolution.notes
                + _taken(tree, below, resolution)
                + _fallen(tree, below, resolution),
            )
        else:
            resolution = lay_over(tree, resolution, layer, requests)
    if not layers and base is None:
        tree.state.apply({})
        resolution = Resolution(values=tree.state.snapshot())
    dropped, problems = _examine(tree, resolution)
    found += problems
    if found and tree.policy.is_strict:
        raise ConfigError(found)
    return replace(
        resolution,
        dropped=tuple(dropped),
        problems=tuple(sorted(set(found) | set(base.problems if base else ()))),
    )


def _examine(tree: "Tree", resolution: Resolution) -> tuple[list[Problem], list[Problem]]:
    """What was dropped, and what is wrong, in the state that the tree is in now."""
    dropped: list[Problem] = []
    problems: list[Problem] = []
    denied: set[str] = set()
    taken: set[str] = set()
    for name, request in resolution.requests.items():
        value = resolution.values[name]
        if is_honoured(tree.symbols[name], request, value):
            if value.is_visible:
                taken.add(name)
            continue
        symbol = tree.symbols[name]
        was_true = name in resolution.honoured
        if request.kind == "state" and was_true and value.is_active and not value.is_visible:
            # Others fix it now, as a preset does; when they no longer do, it holds again.
            continue
        group = tree.groups.get(symbol.group or "")
        is_choice = group is not None and group.kind == "choice"
        if is_choice and group is not None and request.value == "n":
            # Reported once for the choice, and only if no member was asked for.
            if not any(is_yes(resolution.requests.get(member)) for member in group.members):
                denied.add(group.name)
            continue
        ended_by = resolution.honoured.get(name)
        is_wish = request.kind == "request" and ended_by == "request"
        is_hidden = not value.is_visible or bool(tree.state.selectors(name))
        problem = not_honoured(tree, request, value)
        if ended_by is not None and is_hidden and not is_wish:
            dropped.append(problem)
        else:
            problems.append(problem)
    for name in denied:
        problems.append(
            no_member(tree, _last_denial(resolution, tree.groups[name]), tree.groups[name])
        )
    return dropped, problems + default_problems(tree, dict(resolution.values), taken)


def _taken(tree: "Tree", below: Resolution, laid: Resolution) -> tuple[str, ...]:
    """The notes on axes that a layer brings into sight, and that take their default member."""
    notes = []
    for group in tree.groups.values():
        if group.kind != "axis" or not laid.values[group.members[0]].is_visible:
            continue
        enabled = [name for name in group.members if laid.values[name].text == "y"]
        was_there = bool(below.values) and below.values[group.members[0]].is_visible
        if enabled and not was_there and not any(is_yes(laid.requests.get(n)) for n in enabled):
            others = ", ".join(group.value_of(n) for n in group.members if n not in enabled)
            taken = ",".join(map(group.value_of, enabled))
            notes.append(f"{group.name}={taken} is taken, its default; the others are {others}")
    return tuple(notes)


def _fallen(tree: "Tree", below: Resolution, laid: Resolution) -> tuple[str, ...]:
    """The notes on choices that a layer makes fall back from the member that was asked for.

    Those of components need none: another preset is asked for to have other components.
    """
    notes = []
    for group in tree.groups.values():
        if group.kind != "choice" or tree.frees(group.name):
            continue
        for name in group.members:
            is_asked = is_yes(laid.requests.get(name)) and laid.honoured.get(name) == "override"
            was_chosen = bool(below.values) and below.values[name].text == "y"
            if not is_asked or not was_chosen or laid.values[name].is_visible:
                continue
            now = [n for n in group.members if laid.values[n].text == "y"]
            if now and laid.values[now[0]].is_visible:
                wants = describe_clauses(tree, unmet_clauses(tree, name))
                notes.append(
                    f"{group.name}={group.value_of(name)} wants {wants}: "
                    f"{group.name}={group.value_of(now[0])} is taken in its place"
                )
    return tuple(notes)


def _last_denial(resolution: Resolution, group: Group) -> Request:
    """The latest request among those that turned all members of a choice off."""
    denials = [name for name in resolution.requests if name in group.members]
    return resolution.requests[denials[-1]]
