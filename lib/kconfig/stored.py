"""Reads a whole `.config`: which of its lines somebody asked for, and which are only its defaults.

A stored value that equals its default, which `savedefconfig` would not write, is nobody's wish.
Later layers are laid over the wishes alone, so that a default moves with what it depends on:
after `ARCH_BASE=llama` the normalization is that of llama, though `.config` has a line for the one
before. What a `.config` means by itself does not change by that.

| the file                            | what counts as asked for                                |
|-------------------------------------|---------------------------------------------------------|
| is as we wrote it                   | what is not at its default                              |
| says nothing of how it was written  | what is not at its default                              |
| was edited by hand since            | what was asked for then, and the lines that are changed |

In the last case a line that nobody touched may be at no default any more, since the edit has moved
it. It follows the edit, and a note says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lib.kconfig.interpret import Request, interpret
from lib.kconfig.layers import Resolution, is_honoured, lay_over
from lib.kconfig.scan import Layer
from lib.kconfig.text import asked_names

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree

Requests = Mapping[str, Request]


def read_state(tree: "Tree", layer: Layer, requests: Requests) -> Resolution:
    """The resolution of a `.config`. requests: what its lines say, checked."""
    if layer.asked is None:
        found = _as_it_stands(tree, layer, requests)
        return replace(found, notes=(_unknown(layer),)) if layer.is_generated else found
    remembered, _ = interpret(tree, replace(layer, assignments=layer.asked, problems=()))
    kept = {name: request for name, request in requests.items() if _agrees(remembered, request)}
    written = lay_over(tree, Resolution(), layer, remembered | kept)
    edits = {
        name: request
        for name, request in requests.items()
        if name not in kept and request.value != written.values[name].text
    }
    if not edits and kept.keys() == remembered.keys():
        return _without(written, requests)
    if layer.is_as_written:
        # The options have other defaults now than those that the file was written with.
        return _as_it_stands(tree, layer, requests)
    # What an edit hides was there before it, and is dropped as by any later layer.
    below = replace(written, requests=kept)
    edited = _without(lay_over(tree, below, layer, edits), requests)
    notes = (*_hidden(layer, edited), *_moved(tree, layer, edited))
    return replace(edited, overridden=(), layers=(layer,), notes=notes)


def _as_it_stands(tree: "Tree", layer: Layer, requests: Requests) -> Resolution:
    """Every line counts, and then those that stand at their defaults are taken out.

    A line that does not come true stays, to be complained of, but for one that only reports what
    others fix: an edit elsewhere makes it stale.
    """
    whole = lay_over(tree, Resolution(), layer, requests)
    asked = asked_names(tree.state.raw)
    wishes: dict[str, Request] = {}
    for name, request in whole.requests.items():
        value = whole.values[name]
        is_true = is_honoured(tree.symbols[name], request, value)
        if name in asked if is_true else value.is_visible or not value.is_active:
            wishes[name] = request
    honoured = {name: kind for name, kind in whole.honoured.items() if name in wishes}
    return _without(replace(whole, requests=wishes, honoured=honoured), requests)


def _without(resolution: Resolution, requests: Requests) -> Resolution:
    """The resolution, knowing which lines are only defaults."""
    wishes = resolution.requests
    defaults = {name: request for name, request in requests.items() if name not in wishes}
    return replace(resolution, defaults=defaults)


def _agrees(remembered: Requests, request: Request) -> bool:
    then = remembered.get(request.name)
    return then is not None and then.value == request.value


def _unknown(layer: Layer) -> str:
    """The note on a file of an earlier version, in which an edit cannot be told."""
    return (
        f"{layer.label} does not say what was asked for when it was written, so every line that "
        "is not at its default counts as asked for. `make olddefconfig` records them."
    )


def _hidden(layer: Layer, edited: Resolution) -> tuple[str, ...]:
    """The note on what was asked for and has no place beside the edit."""
    hidden = [
        f"{name}={request.value}"
        for name, request in edited.requests.items()
        if edited.honoured.get(name) is not None and not edited.values[name].is_visible
    ]
    listed = ", ".join(hidden)
    return (f"{layer.label} was edited, which hides what was asked for: {listed}",) * bool(hidden)


def _moved(tree: "Tree", layer: Layer, edited: Resolution) -> tuple[str, ...]:
    """The note on lines at their defaults of before that the edit has moved."""
    moved: dict[str, str] = {}
    for name, request in edited.defaults.items():
        value = edited.values[name]
        if value.text == request.value or not value.is_visible:
            continue
        group = tree.groups.get(tree.symbols[name].group or "")
        if group is None or group.kind == "axis":
            moved[name] = value.text
        elif value.text == "y":
            moved[group.name] = group.value_of(name)
    if not moved:
        return ()
    listed = ", ".join(f"{name}={value}" for name, value in moved.items())
    return (
        f"{layer.label} was edited, and lines that stood at their defaults follow the edit: "
        f"{listed}. `make olddefconfig` writes them; set them after that to have others.",
    )
