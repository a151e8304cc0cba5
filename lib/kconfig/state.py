"""Moves kconfiglib from one configuration to the next by applying only the differences.

Parsing a tree takes tens of milliseconds, evaluating it from scratch several; a plan of 1,000 runs
differs in a few symbols from run to run. kconfiglib invalidates what depends on a changed value, so
a move costs as much as what changes. A property test compares with a fresh tree.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from lib.kconfig import backend
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    import kconfiglib


class Value(NamedTuple):
    """A resolved value: its text, whether it counts, whether a user can set it."""

    text: str
    is_active: bool
    is_visible: bool


class State:
    """The one mutable thing of a tree: kconfiglib's user values."""

    def __init__(self, raw: "kconfiglib.Kconfig", symbols: Mapping[str, Symbol]) -> None:
        self.raw = raw
        self._symbols = symbols
        self._wanted: dict[str, str] = {}
        self._chosen: dict[kconfiglib.Choice, str] = {}

    def apply(self, wanted: Mapping[str, str]) -> None:
        """Give exactly these symbols these user values; all others none.

        Of a choice only the member set to y counts: kconfiglib ignores the others, and would
        keep an earlier choice if it were told about them only.
        """
        plain: dict[str, str] = {}
        chosen: dict[kconfiglib.Choice, str] = {}
        for name, text in wanted.items():
            choice = self._symbols[name].raw.choice
            if choice is None:
                plain[name] = text
            elif text == "y":
                assert choice not in chosen, f"{name} and {chosen[choice]} are both y"
                chosen[choice] = name
        for name in self._wanted.keys() - plain.keys():
            self._symbols[name].raw.unset_value()
        for name, text in plain.items():
            if self._wanted.get(name) != text:
                accepted = self._symbols[name].raw.set_value(text)
                assert accepted, f"{name}={text} was to be checked before"
        for choice, name in self._chosen.items():
            if chosen.get(choice) != name:
                self._symbols[name].raw.unset_value()
                choice.unset_value()
        for choice, name in chosen.items():
            if self._chosen.get(choice) != name:
                self._symbols[name].raw.set_value(2)
        self._wanted, self._chosen = plain, chosen

    def value(self, name: str) -> Value:
        """The value of one symbol as things stand."""
        raw = self._symbols[name].raw
        # config_string is empty exactly where kconfiglib would leave the symbol out of `.config`.
        # A bool without a prompt that is n stands in no `.config` either, and yet it is n: what a
        # preset switches off is as settled as what it switches on.
        is_settled = (
            self._symbols[name].kind == "bool"
            and raw.choice is None
            and self._symbols[name].prompt is not None
            and bool(backend.expression_value(raw.direct_dep))
        )
        return Value(raw.str_value, bool(raw.config_string) or is_settled, bool(raw.visibility))

    def line(self, name: str) -> str:
        """The symbol's line in `.config`, as things stand; "" if it has none."""
        return self._symbols[name].raw.config_string.rstrip("\n")

    def snapshot(self) -> dict[str, Value]:
        """The values of all symbols as things stand."""
        return {name: self.value(name) for name in self._symbols}

    def active_range(self, name: str) -> tuple[int, int] | None:
        """Both ends (inclusive) of the range in force, as kconfiglib reads it, or None."""
        symbol = self._symbols[name]
        base = 16 if symbol.kind == "hex" else 10
        for low, high, condition in symbol.raw.ranges:
            if backend.expression_value(condition):
                return int(low.str_value or "0", base), int(high.str_value or "0", base)
        return None

    def active_default(self, name: str) -> str | None:
        """The text of the first default whose condition holds (int, hex, string), or None."""
        for default, condition in self._symbols[name].raw.defaults:
            if backend.expression_value(condition):
                return default.str_value
        return None

    def selectors(self, name: str) -> list[str]:
        """The symbols that select this one now."""
        return self._active_terms(self._symbols[name].raw.rev_dep)

    def impliers(self, name: str) -> list[str]:
        """The symbols that imply this one now."""
        return self._active_terms(self._symbols[name].raw.weak_rev_dep)

    def _active_terms(self, expression: object) -> list[str]:
        terms: Iterable[object] = backend.alternatives(expression)
        active = [term for term in terms if backend.expression_value(term)]
        # `select A if B` stands as A && B in the reverse dependency of the target.
        return [name for term in active if (name := backend.clauses(term)[0].name) is not None]
