"""Options that take the place of another one, by a line `Replaces: NAME` in their help.

Both may be given together, in one layer; but where a later layer switches the one on or off, the
other's value of the layers below was meant for the case before. So after `make TIME=60` the
MAX_ITERS of a defconfig limits nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lib.kconfig.interpret import Request
from lib.kconfig.state import Value

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


def replaced(
    tree: "Tree",
    values: Mapping[str, Value],
    below: Mapping[str, Request],
    layer: Mapping[str, Request],
    request: Request,
) -> list[Request]:
    """The requests of lower layers that a layer's request ends.

    values and below: of the layers below; layer: all requests of the layer of `request`.
    """
    symbol = tree.symbols[request.name]
    name, before = symbol.replaces, values.get(request.name)
    if name is None or before is None or name in layer or name not in below:
        return []
    is_switched = (before.text == symbol.neutral) != (request.value == symbol.neutral)
    return [below[name]] if is_switched else []
