"""Typed values of one configuration, immutable, and the hash that identifies what it computes."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

Typed = bool | int | float | str | tuple[str, ...] | None


class Config(Mapping[str, Any]):
    """Every symbol and group of a tree by name: `config.MAX_ITERS`, `config["MAX_ITERS"]`.

    A symbol without a value (invisible) and a group without a visible member is None; a choice is
    a str, an axis a tuple of str. An unknown name is an error: there are no second defaults.
    """

    __slots__ = ("_hash", "_relevant", "_values")

    def __init__(self, values: Mapping[str, Typed], relevant: tuple[str, ...]) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_relevant", relevant)
        object.__setattr__(self, "_hash", None)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        # Underscored names are asked for by copy and pickle before there are any values.
        if not name.startswith("_") and name in self._values:
            return self._values[name]
        raise AttributeError(f"the configuration has no symbol {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a configuration cannot be changed ({name}); derive another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a configuration cannot be changed ({name}); derive another one")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return self._values == other._values and self._relevant == other._relevant

    def __hash__(self) -> int:
        return hash(self.hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return Config, (self._values, self._relevant)

    def __repr__(self) -> str:
        return f"<Config {self.hash[:8]}, {len(self)} names>"

    def one(self, axis: str) -> str:
        """The only member of an axis: what a single run has."""
        members = self._values[axis]
        assert isinstance(members, tuple), f"{axis} is no visible axis"
        assert len(members) == 1, f"{axis} has {len(members)} members, a run has one"
        return members[0]

    def relevant(self) -> dict[str, Any]:
        """What is hashed: visible symbols and groups that can change a result, in tree order.

        An axis is a list, as in JSON.
        """
        present = {name: self._values[name] for name in self._relevant}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in present.items()
            if value is not None
        }

    @property
    def relevant_names(self) -> tuple[str, ...]:
        """The names that may enter the hash, in tree order, visible or not."""
        return self._relevant

    @property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of `relevant()` as canonical JSON: sorted, no spaces, ASCII.

        Numbers are hashed, not their spelling: "0.10" and "1e-1" are one configuration.
        """
        if self._hash is None:
            text = json.dumps(
                self.relevant(), sort_keys=True, separators=(",", ":"), allow_nan=False
            )
            digest = hashlib.sha256(text.encode("ascii")).hexdigest()
            object.__setattr__(self, "_hash", digest)
        return self._hash
