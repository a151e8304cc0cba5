"""One resolved configuration of a tree: its values, where they came from, and variations of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lib.kconfig.config import Config, Typed
from lib.kconfig.errors import Problem
from lib.kconfig.interpret import Request
from lib.kconfig.layers import Resolution, is_honoured
from lib.kconfig.overrides import override_layer
from lib.kconfig.resolve import resolve
from lib.kconfig.state import State, Value
from lib.kconfig.sweep import parse_sweep, parse_variations
from lib.kconfig.text import config_text, file_text, minimal_text

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


class Configuration:
    """What some layers resolve to. Never changes, though the tree below it moves on."""

    def __init__(self, tree: "Tree", resolution: Resolution) -> None:
        self.tree = tree
        self._resolution = resolution
        self._typed: Config | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What would have been errors; always empty unless KCONFIG_WERROR=0."""
        return self._resolution.problems

    @property
    def dropped(self) -> tuple[Problem, ...]:
        """Values that a later layer has legally hidden, and why; worth a note to the user."""
        return self._resolution.dropped

    @property
    def overridden(self) -> tuple[tuple[Request, Request], ...]:
        """(earlier, later) requests for the same symbol or choice; the later ones count."""
        return self._resolution.overridden

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read otherwise than it is written, a line each, for the user."""
        return self._resolution.notes

    @property
    def origin(self) -> str | None:
        """What the lowest file was made from according to its header: "NAME+fragment"."""
        layers = self._resolution.layers
        return next((layer.origin for layer in layers if layer.origin), None)

    def value(self, name: str) -> Value:
        """Text, activity and visibility of one symbol. Raises KeyError for an unknown one."""
        return self._resolution.values[name]

    def derive(self, assignments: Mapping[str, str], label: str) -> "Configuration":
        """This configuration with some assignments on top, checked as strictly as any layer.

        Symbols in plain text ("200", "y", "0.5"), groups by value ("OPTIMIZER": "adamw").
        Equal to resolving all layers afresh, but costs only what changes. Raises ConfigError.
        """
        layer = override_layer(list(assignments.items()), label)
        return Configuration(self.tree, resolve(self.tree, [layer], self._resolution))

    def typed(self) -> Config:
        """The typed values of all symbols and groups."""
        if self._typed is None:
            symbols, groups = self.tree.symbols, self.tree.groups
            values: dict[str, Typed] = {
                name: symbol.typed(value.text) if value.is_active else None
                for (name, symbol), value in zip(
                    symbols.items(), self._resolution.values.values(), strict=True
                )
            }
            values.update((name, self._group_value(name)) for name in groups)
            self._typed = Config(values, self._relevant_names(values))
        return self._typed

    def axes(self) -> dict[str, tuple[str, ...]]:
        """The enabled members of each visible axis, both in tree order; () if none is enabled."""
        found = {name: self._group_value(name) for name in self._axis_names()}
        return {name: value for name, value in found.items() if isinstance(value, tuple)}

    def sweep(self) -> dict[str, tuple[str, ...]]:
        """The further axes that the sweep strings ask for: symbol or choice -> values as text."""
        axes: dict[str, tuple[str, ...]] = {}
        for text in self._texts("sweep"):
            axes.update(parse_sweep(text, self.tree.symbols, self.tree.groups))
        return axes

    def variations(self) -> tuple[dict[str, str], ...]:
        """The further arms that the variation strings ask for: what each of them changes."""
        found: list[dict[str, str]] = []
        for text in self._texts("variations"):
            found += parse_variations(text, self.tree.symbols, self.tree.groups)
        return tuple(found)

    def _texts(self, base: str) -> list[str]:
        """The values of the active strings of this type."""
        return [
            self.value(name).text
            for name, symbol in self.tree.symbols.items()
            if symbol.string_type and symbol.string_type.base == base and self.value(name).is_active
        ]

    def source_of(self, name: str) -> str:
        """Where a symbol's or choice's value comes from.

        "default", "defconfigs/x:12", "command line", "selected by X" or "implied by X"; of an
        axis the sources of its members, joined. Raises KeyError for an unknown name.
        """
        group = self.tree.groups.get(name)
        if group is None:
            return self._source_of_symbol(name)
        members = [member for member in group.members if self.value(member).text == "y"]
        sources = [self._source_of_symbol(member) for member in members]
        return ", ".join(dict.fromkeys(sources)) or "default"

    def text(self, header_lines: Sequence[str]) -> str:
        """The whole `.config`, beginning with these lines as comments."""
        return config_text(self.state().raw, header_lines)

    def file_text(self, header_lines: Sequence[str]) -> str:
        """As `text`, with what was asked for at its top: what is kept in a file."""
        return file_text(self.state().raw, header_lines)

    def minimal_text(self) -> str:
        """Only what differs from the defaults: the form of a defconfig."""
        return minimal_text(self.state().raw)

    def line_of(self, name: str) -> str:
        """The line of one symbol in `.config`, without its line end; "" if it has none."""
        return self.state().line(name)

    def missing_from(self, names: set[str]) -> list[str]:
        """Visible symbols with a prompt, in menu order, that `names` (a file's) leave out."""
        symbols = self.tree.symbols.values()
        return [
            symbol.name
            for symbol in symbols
            if symbol.prompt is not None
            and symbol.name not in names
            and self.value(symbol.name).is_visible
        ]

    def is_free(self, name: str) -> bool:
        """Whether a person may set this option here; False where others, a preset say, fix it."""
        members = self.tree.groups[name].members if name in self.tree.groups else (name,)
        return any(self.value(member).is_visible for member in members)

    def requested(self) -> dict[str, Request]:
        """The request that counts for each symbol that has one."""
        return dict(self._resolution.requests)

    def state(self) -> State:
        """The tree's state, moved to this configuration; good until another one moves it."""
        requests = self._resolution.requests
        self.tree.state.apply({name: request.value for name, request in requests.items()})
        return self.tree.state

    def _relevant_names(self, values: Mapping[str, Typed]) -> tuple[str, ...]:
        """The names that may enter the hash, without the options that stand at the value at which
        they change nothing: so a new option of that kind leaves every earlier run what it was."""
        symbols, groups = self.tree.symbols, self.tree.groups

        def acts(name: str) -> bool:
            if name in groups:
                neutral: Typed = groups[name].neutral
            else:
                text = symbols[name].neutral
                neutral = None if text is None else symbols[name].typed(text)
            return neutral is None or values[name] != neutral

        return tuple(filter(acts, self.tree.relevant_names))

    def _axis_names(self) -> list[str]:
        return [name for name, group in self.tree.groups.items() if group.kind == "axis"]

    def _group_value(self, name: str) -> Typed:
        group = self.tree.groups[name]
        values = self._resolution.values
        active = [member for member in group.members if values[member].is_active]
        if not active:
            return None
        enabled = tuple(group.value_of(member) for member in active if values[member].text == "y")
        if group.kind == "axis":
            return enabled
        assert len(enabled) == 1, f"the choice {name} has {len(enabled)} members"
        return enabled[0]

    def _source_of_symbol(self, name: str) -> str:
        value = self.value(name)
        request = self._resolution.requests.get(name)
        symbol = self.tree.symbols[name]
        if request is not None and value.is_visible and is_honoured(symbol, request, value):
            return request.place
        state = self.state()
        if symbol.kind == "bool" and value.text == "y":
            if selectors := state.selectors(name):
                return f"selected by {', '.join(selectors)}"
            if impliers := state.impliers(name):
                return f"implied by {', '.join(impliers)}"
        return "default"
