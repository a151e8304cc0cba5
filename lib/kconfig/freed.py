"""A component that is asked for on a preset that fixes another: the preset becomes custom.

`--position-encoding rope` on the preset gpt2 means "gpt2, but with rotary positions": that is
ARCH_PRESET=custom with ARCH_BASE=gpt2, and a note says so. It holds on the command line and in
variations and sweeps. A file says both itself, or is refused; and a component that the preset has
anyway changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.groups import Group
from lib.kconfig.interpret import Request
from lib.kconfig.layers import Resolution, is_yes, lay_over
from lib.kconfig.scan import Layer
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


@dataclass(frozen=True)
class Preset:
    """A choice whose member `custom` lets be chosen what its other members fix."""

    base: str
    """The choice that says which preset custom begins as."""
    aliases: Mapping[str, str]
    """Presets that are called otherwise there."""


CUSTOM = "custom"
PRESETS = {"ARCH_PRESET": Preset("ARCH_BASE", {"team": "llama"})}


def freed_names(
    symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> dict[str, frozenset[str]]:
    """For each preset of a tree, the symbols that can be set only where it is custom."""
    found: dict[str, frozenset[str]] = {}
    for name, preset in PRESETS.items():
        if name in groups:
            custom = groups[name].member_of(CUSTOM)
            components = {symbol.name for symbol in symbols.values() if custom in _asked_if(symbol)}
            found[name] = frozenset(components.union(groups[preset.base].members))
    return found


def lay_freely(
    tree: "Tree", below: Resolution, layer: Layer, requests: Mapping[str, Request]
) -> Resolution:
    """As `lay_over`, but with every preset custom that has another component than is asked for."""
    laid = lay_over(tree, below, layer, requests)
    for name, freed in tree.freed.items():
        asked = [
            request
            for symbol, request in requests.items()
            if symbol in freed and laid.honoured.get(symbol, "never") is not None
        ]
        if asked:
            laid = _freed(tree, below, layer, requests, laid, name, asked)
    return laid


def _freed(
    tree: "Tree",
    below: Resolution,
    layer: Layer,
    requests: Mapping[str, Request],
    laid: Resolution,
    name: str,
    asked: list[Request],
) -> Resolution:
    """The layer with this preset custom; as it was laid where that does not help."""
    group, preset = tree.groups[name], PRESETS[name]
    base = tree.groups[preset.base]
    chosen = [member for member in group.members if laid.values[member].text == "y"]
    before = group.value_of(chosen[0]) if chosen else CUSTOM
    if before == CUSTOM:
        return laid
    implied = [_member(group, CUSTOM)]
    if not any(is_yes(requests.get(member)) for member in base.members):
        implied.append(_member(base, preset.aliases.get(before, before)))
    wishes = {symbol: wish for symbol, wish in requests.items() if symbol not in group.members}
    for member in implied:
        wishes[member] = replace(asked[0], name=member, value="y")
    if _costs_a_wish(tree, below, layer, wishes, laid, [wish.name for wish in asked]):
        return lay_over(tree, below, layer, requests)
    freed = lay_over(tree, below, layer, wishes)
    if any(freed.honoured.get(wish.name, "never") is not None for wish in asked):
        # The message about what is asked for names the condition that it lacks.
        return lay_over(tree, below, layer, requests)
    told = [pair for pair in freed.overridden if pair[1].name not in implied]
    note = _note(tree, name, before, asked, implied)
    notes = (*below.notes, note) if note not in below.notes else below.notes
    return replace(freed, overridden=tuple(told), notes=notes)


def _costs_a_wish(
    tree: "Tree",
    below: Resolution,
    layer: Layer,
    wishes: Mapping[str, Request],
    laid: Resolution,
    asked: list[str],
) -> bool:
    """Whether custom alone, without the component, hides what somebody asked for."""
    others = {symbol: wish for symbol, wish in wishes.items() if symbol not in asked}
    custom = lay_over(tree, below, layer, others)
    # What this layer asks for was never true if it is not there.
    return any(
        ended is None
        and custom.honoured.get(symbol, "never" if symbol in others else None) is not None
        for symbol, ended in laid.honoured.items()
    )


def _note(tree: "Tree", preset: str, before: str, asked: list[Request], implied: list[str]) -> str:
    what = ", ".join(_written(tree, wish.name, wish.value) for wish in asked)
    means = " ".join(_written(tree, member, "y") for member in implied)
    return f"{preset}={before} does not have {what}: read as {means}"


def _written(tree: "Tree", name: str, value: str) -> str:
    """An assignment as a person types it: of a choice its value."""
    group = tree.groups.get(tree.symbols[name].group or "")
    if group is None or group.kind == "axis":
        return f"{name}={value}"
    return f"{group.name}={group.value_of(name)}"


def _member(group: Group, value: str) -> str:
    member = group.member_of(value)
    assert member is not None, f"{group.name} has no {value}"
    return member


def _asked_if(symbol: Symbol) -> set[str | None]:
    """The symbols in the condition under which an option can be set."""
    prompt = symbol.raw.nodes[0].prompt
    return {found.name for found in backend.symbols_in(prompt[1])} if prompt else set()
