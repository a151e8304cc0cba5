"""Find a name in one of the registries of this package, or say which names there are."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


def lookup(registry: Mapping[str, Entry], name: str, what: str) -> Entry:
    """The entry `name` of a registry of `what` ("keep score"); ValueError with near names."""
    if name in registry:
        return registry[name]
    near = difflib.get_close_matches(name, registry)
    hint = f"did you mean {near[0]}" if near else f"choose one of {', '.join(registry)}"
    raise ValueError(f"there is no {what} '{name}'; {hint}")
