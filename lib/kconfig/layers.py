"""One layer over those below: which requests count then, and which of them come true."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lib.kconfig.errors import Problem
from lib.kconfig.interpret import Request
from lib.kconfig.replaced import replaced
from lib.kconfig.scan import Kind, Layer
from lib.kconfig.state import Value
from lib.kconfig.symbols import Symbol
from lib.kconfig.values import is_same_value

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


@dataclass(frozen=True)
class Resolution:
    """The outcome of some layers; never changed once made.

    requests: the last request for each symbol, without the losers of a choice;
    honoured: the requests that held after some layer, and the kind of the layer that ended that
        (None while they hold);
    defaults: the lines of a whole `.config` that stand there though nobody asked for them;
    overridden: (earlier, later) requests that differ, of which the later counts;
    dropped: what was legally lost to a later layer, with the reason;
    notes: what was read otherwise than it is written, for the user, a line each.
    """

    requests: Mapping[str, Request] = field(default_factory=dict)
    honoured: Mapping[str, Kind | None] = field(default_factory=dict)
    defaults: Mapping[str, Request] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    overridden: tuple[tuple[Request, Request], ...] = ()
    dropped: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()


def is_honoured(symbol: Symbol, request: Request, value: Value) -> bool:
    """Whether the symbol has the value that was asked for."""
    return is_same_value(symbol, value.text, request.value)


def lay_over(
    tree: "Tree", below: Resolution, layer: Layer, requests: Mapping[str, Request]
) -> Resolution:
    """The resolution with a layer's requests on top. Examines nothing: that is resolve.py's."""
    merged = dict(below.requests)
    honoured = dict(below.honoured)
    overridden = list(below.overridden)
    for name, request in requests.items():
        for earlier in _earlier(tree, below.defaults, merged, request):
            merged.pop(earlier.name, None)
            is_other = earlier.name != name or not is_same_value(
                tree.symbols[name], earlier.value, request.value
            )
            if is_other:
                overridden.append((earlier, request))
        for earlier in replaced(tree, below.values, below.requests, requests, request):
            merged.pop(earlier.name, None)
            overridden.append((earlier, request))
        merged.pop(name, None)
        honoured.pop(name, None)
        merged[name] = request
    tree.state.apply({name: request.value for name, request in merged.items()})
    values = tree.state.snapshot()
    for name, request in merged.items():
        if is_honoured(tree.symbols[name], request, values[name]):
            honoured[name] = None
        elif name in honoured and honoured[name] is None:
            honoured[name] = layer.kind
    return replace(
        below,
        requests=merged,
        honoured=honoured,
        values=values,
        overridden=tuple(overridden),
        layers=(*below.layers, layer),
    )


def is_yes(request: Request | None) -> bool:
    return request is not None and request.value == "y"


def _earlier(
    tree: "Tree",
    defaults: Mapping[str, Request],
    merged: Mapping[str, Request],
    request: Request,
) -> list[Request]:
    """What a request takes the place of: of a choice the member that was y before."""
    group = tree.groups.get(tree.symbols[request.name].group or "")
    for known in (merged, defaults):
        if group is not None and group.kind == "choice" and request.value == "y":
            chosen = [known[name] for name in group.members if is_yes(known.get(name))]
            if chosen:
                return chosen
        if request.name in known:
            return [known[request.name]]
    return []
