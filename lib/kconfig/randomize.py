"""A random legal configuration: what the tests throw at everything that reads one.

Walks the menu in order and sets what has a prompt: bools by probability, one member of a choice, at
least one member of an axis, ints inside the range in force, strings by their declared type. What
later draws hide is taken back; the result passes the same strict checks as any file.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.kconfig.errors import ConfigError
from lib.kconfig.overrides import override_layer
from lib.kconfig.scan import Layer
from lib.kconfig.string_types import StringType
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    from lib.kconfig.configuration import Configuration
    from lib.kconfig.tree import Tree

# A draw may contradict itself where a tree relates symbols by ranges; then another is made.
ATTEMPTS = 50

_NAME_START = "abcxyzABCXYZ0189"
_NAME_REST = _NAME_START + "._+-"
_PATH_REST = _NAME_REST + " \\$~/"


@dataclass(frozen=True)
class Randomness:
    """A seed and the probability that a bool is y."""

    seed: int
    yes: float = 0.5

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Randomness":
        """KCONFIG_SEED (decimal or 0x...), else a fresh seed; KCONFIG_PROBABILITY as the kernel's.

        N, N:M or N:M:L in per cent: a bool is y with N; with N + M in the form of two, where M
        are modules. Raises ConfigError for anything else.
        """
        text = environ.get("KCONFIG_SEED", "")
        try:
            seed = int(text, 0) if text else random.SystemRandom().getrandbits(32)
        except ValueError:
            what = f"KCONFIG_SEED={text} is no number"
            raise ConfigError.single("environment", what, "write 0x12ab or 1234") from None
        return cls(seed, _probability(environ.get("KCONFIG_PROBABILITY", "") or "50"))


def _probability(text: str) -> float:
    parts = text.split(":")
    if len(parts) <= 3 and all(part.isascii() and part.isdigit() for part in parts):
        numbers = [int(part) for part in parts]
        total = sum(numbers[-2:]) if len(numbers) > 1 else numbers[0]
        if max(numbers) <= 100 and total <= 100:
            return (sum(numbers) if len(numbers) == 2 else numbers[0]) / 100
    what = f"KCONFIG_PROBABILITY={text} is no N, N:M or N:M:L in per cent"
    raise ConfigError.single("environment", what, "write 50")


def random_configuration(
    tree: "Tree", randomness: Randomness, preset: Sequence[Layer] = ()
) -> "Configuration":
    """A random configuration; the same seed, tree and preset layers give the same one.

    Raises ConfigError if the preset is not honoured, or no draw is legal.
    """
    base = tree.resolve(preset)
    fixed = {name: request.value for name, request in base.requested().items()}
    generator = random.Random(randomness.seed)
    error: ConfigError | None = None
    for _ in range(ATTEMPTS):
        drawn = _Draw(tree, generator, randomness.yes, fixed).values()
        try:
            found = tree.resolve([*preset, override_layer(list(drawn.items()), "randconfig")])
        except ConfigError as refused:
            error = refused
            continue
        if not found.dropped:
            return found
        error = ConfigError(found.dropped)
    assert error is not None
    raise error


class _Draw:
    """One walk through the menu."""

    def __init__(
        self, tree: "Tree", generator: random.Random, yes: float, fixed: Mapping[str, str]
    ) -> None:
        self._tree = tree
        self._random = generator
        self._yes = yes
        self._fixed = fixed
        self._wanted: dict[str, str] = dict(fixed)
        self._done: set[str] = set(fixed)
        for name, value in fixed.items():
            if value == "y" and (group := self._choice(tree.symbols[name])):
                self._done.update(tree.groups[group].members)

    def values(self) -> dict[str, str]:
        """The values drawn, without those that were fixed or that later ones took away."""
        while self._walk() or self._fill_axes():
            pass
        state = self._tree.state
        return {
            name: text
            for name, text in self._wanted.items()
            if name not in self._fixed
            and state.value(name).is_visible
            and state.value(name).text == text
        }

    def _walk(self) -> bool:
        """Draw for each visible symbol that has not had its turn; whether there was one."""
        before = len(self._done)
        self._tree.state.apply(self._wanted)
        for name, symbol in self._tree.symbols.items():
            if name in self._done or symbol.prompt is None:
                continue
            if not self._tree.state.value(name).is_visible or self._tree.state.selectors(name):
                continue
            if group := self._choice(symbol):
                members = self._tree.groups[group].members
                self._done.update(members)
                free = [member for member in members if self._tree.state.value(member).is_visible]
                self._set(self._random.choice(free), "y")
            else:
                self._done.add(name)
                self._set(name, self._draw(symbol))
        return len(self._done) > before

    def _fill_axes(self) -> bool:
        """Enable a member of each visible axis that has none: a plan refuses an empty axis."""
        for group in self._tree.groups.values():
            states = {name: self._tree.state.value(name) for name in group.members}
            free = [name for name, value in states.items() if value.is_visible]
            free = [name for name in free if name not in self._fixed]
            if group.kind == "axis" and free and all(v.text == "n" for v in states.values()):
                self._set(self._random.choice(free), "y")
                return True
        return False

    def _set(self, name: str, text: str) -> None:
        self._wanted[name] = text
        self._tree.state.apply(self._wanted)

    def _choice(self, symbol: Symbol) -> str | None:
        return symbol.group if symbol.raw.choice is not None else None

    def _draw(self, symbol: Symbol) -> str:
        if symbol.kind == "bool":
            return "y" if self._random.random() < self._yes else "n"
        if symbol.kind in ("int", "hex"):
            low, high = self._tree.state.active_range(symbol.name) or (0, 1000)
            number = self._integer(low, high)
            return str(number) if symbol.kind == "int" else hex(number)
        assert symbol.string_type is not None, f"{symbol.name} has no type"
        if symbol.string_type.base == "sweep":
            return self._sweep()
        if symbol.string_type.base == "variations":
            return self._variations()
        return self._string(symbol.string_type)

    def _integer(self, low: int, high: int) -> int:
        """Ends now and then, and small numbers more often than large ones."""
        if self._random.random() < 0.2:
            return self._random.choice((low, high))
        offset = math.exp(self._random.uniform(0, math.log(high - low + 1))) - 1
        return min(high, low + round(offset))

    def _string(self, kind: StringType) -> str:
        if kind.may_be_empty and self._random.random() < 0.3:
            return ""
        while True:
            if kind.base == "float":
                text = self._float(kind)
            elif kind.base == "integers":
                text = self._integers(kind)
            else:
                text = self._word(kind.base == "path")
            if kind.complaint(text) is None:
                return text

    def _float(self, kind: StringType) -> str:
        low = kind.low if math.isfinite(kind.low) else min(kind.high, 0.0) - 1000.0
        high = kind.high if math.isfinite(kind.high) else max(kind.low, 0.0) + 1000.0
        spelling = self._random.choice(("{:.3g}", "{:.3f}", "{:.2e}", "{!r}"))
        # Ends are drawn too and refused by the caller where they are open.
        return spelling.format(self._random.choice((low, high, self._random.uniform(low, high))))

    def _integers(self, kind: StringType) -> str:
        numbers = (
            self._integer(int(kind.low), int(kind.high)) for _ in range(self._random.randint(1, 3))
        )
        return ",".join(map(str, dict.fromkeys(numbers)))

    def _word(self, is_path: bool) -> str:
        rest = _PATH_REST if is_path else _NAME_REST
        tail = self._random.choices(rest, k=self._random.randrange(12))
        return self._random.choice(_NAME_START) + "".join(tail)

    def _variations(self) -> str:
        """Empty, or one other value of one number."""
        symbols = self._tree.symbols.values()
        numbers = [s for s in symbols if s.string_type and s.string_type.base == "float"]
        if self._random.random() < 0.5 or not numbers:
            return ""
        varied = self._random.choice(numbers)
        assert varied.string_type is not None
        return f"{varied.name}={self._string(varied.string_type)}"

    def _sweep(self) -> str:
        """Empty, or two values of one number or choice."""
        if self._random.random() < 0.5:
            return ""
        symbols = self._tree.symbols.values()
        numbers = [s for s in symbols if s.string_type and s.string_type.base == "float"]
        choices = [g for g in self._tree.groups.values() if g.kind == "choice" and g.members[1:]]
        if not numbers and not choices:
            return ""
        swept = self._random.choice([*numbers, *choices])
        if not isinstance(swept, Symbol):
            return f"{swept.name}={','.join(self._random.sample(swept.values, 2))}"
        assert swept.string_type is not None
        texts = [self._string(swept.string_type) for _ in range(2)]
        # By number, since two spellings of one would be the same value twice.
        values = {swept.typed(text): text for text in texts}
        return f"{swept.name}={','.join(values.values())}"
