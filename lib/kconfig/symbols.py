"""One option of the tree, as the rest of lib/kconfig sees it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.kconfig.string_types import StringType

if TYPE_CHECKING:
    import kconfiglib


@dataclass(frozen=True)
class Symbol:
    """One option. `raw` is kconfiglib's object, whose values change with the tree's state."""

    name: str
    kind: str
    prompt: str | None
    help: str
    string_type: StringType | None
    group: str | None
    is_relevant: bool
    neutral: str | None
    """The value, as text, at which the option changes no result and is not hashed; or None."""
    file: str
    line: int
    raw: "kconfiglib.Symbol"
    replaces: str | None = None
    """The symbol whose lower-layer value ends where this one is switched on or off (replaced.py)"""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def typed(self, text: str) -> bool | int | float | str:
        """The Python value of a resolved text."""
        if self.kind == "bool":
            return text == "y"
        if self.kind == "int":
            return int(text)
        if self.kind == "hex":
            return int(text, 16)
        return self.string_type.value(text) if self.string_type else text
