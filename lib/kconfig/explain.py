"""Everything about one symbol or group in a configuration, as text for a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.annotations import EMPTY
from lib.kconfig.diagnose import describe_clauses, unmet_clauses
from lib.kconfig.errors import ConfigError
from lib.kconfig.groups import Group
from lib.kconfig.hints import unknown_name
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    from lib.kconfig.configuration import Configuration


def explain(configuration: "Configuration", name: str) -> str:
    """Type, value, source, range, default, dependencies, hash, place and help of a name.

    Raises ConfigError for an unknown name, with names that look like it.
    """
    tree = configuration.tree
    plain = name.upper().replace("-", "_").removeprefix("CONFIG_")
    if plain in tree.groups:
        return "\n".join(_group_lines(configuration, tree.groups[plain]))
    if plain not in tree.symbols:
        raise ConfigError.single(plain, *unknown_name(tree, plain))
    return "\n".join(_symbol_lines(configuration, tree.symbols[plain]))


def symbol_type(symbol: Symbol) -> str:
    """The type of a symbol in words: "bool", "int", "float in (0, 1]"."""
    return symbol.string_type.declaration if symbol.string_type else symbol.kind


def default_texts(symbol: Symbol) -> list[str]:
    """Each default with its condition, the first that holds wins: "12 if SMALL"."""
    kconfig = symbol.raw.kconfig
    texts = []
    for value, condition in symbol.raw.orig_defaults:
        text = backend.expression_text(value)
        always = backend.is_always(condition, kconfig)
        texts.append(text if always else f"{text} if {backend.expression_text(condition)}")
    return texts


def range_texts(symbol: Symbol) -> list[str]:
    """Each range with its condition: "1 to 100"."""
    kconfig = symbol.raw.kconfig
    texts = []
    for low, high, condition in symbol.raw.orig_ranges:
        text = f"{backend.expression_text(low)} to {backend.expression_text(high)}"
        always = backend.is_always(condition, kconfig)
        texts.append(text if always else f"{text} if {backend.expression_text(condition)}")
    return texts


def dependency_text(symbol: Symbol) -> str | None:
    """What a symbol as a whole depends on, menus and `if` blocks included; None if nothing."""
    dependency = symbol.raw.direct_dep
    if backend.is_always(dependency, symbol.raw.kconfig):
        return None
    return backend.expression_text(dependency)


def prompt_condition(symbol: Symbol) -> str | None:
    """The condition of the prompt itself: without it a value exists but cannot be set."""
    prompt = symbol.raw.nodes[0].orig_prompt
    if prompt is None or backend.is_always(prompt[1], symbol.raw.kconfig):
        return None
    return backend.expression_text(prompt[1])


def results_text(item: Symbol | Group) -> str | None:
    """ "unaffected", "unaffected at 0" (or "at empty"), or None where every value may change it."""
    if item.neutral is not None:
        return f"unaffected at {item.neutral or EMPTY}"
    return None if item.is_relevant else "unaffected"


def _symbol_lines(configuration: "Configuration", symbol: Symbol) -> Iterator[str]:
    tree = configuration.tree
    value = configuration.value(symbol.name)
    yield f"{symbol.name}: {symbol.prompt or 'derived from other symbols, cannot be set'}"
    yield f"  type:    {symbol_type(symbol)}"
    yield f"  value:   {_shown(symbol, value.text) if value.is_active else 'none (hidden)'}"
    yield f"  source:  {configuration.source_of(symbol.name)}"
    for label, texts in (("range:", range_texts(symbol)), ("default:", default_texts(symbol))):
        for text in texts:
            yield f"  {label:8} {text}"
    if dependency := dependency_text(symbol):
        yield f"  depends: {dependency}"
    if condition := prompt_condition(symbol):
        yield f"  asked:   if {condition}"
    if symbol.prompt is not None and not value.is_visible:
        configuration.state()
        yield f"  hidden:  wants {describe_clauses(tree, unmet_clauses(tree, symbol.name))}"
    if symbol.group is not None:
        yield f"  group:   {symbol.group} ({tree.groups[symbol.group].kind})"
    yield f"  results: {results_text(symbol) or 'may change them'}"
    yield f"  defined: {symbol.place}"
    yield from _help_lines(symbol.help)


def _group_lines(configuration: "Configuration", group: Group) -> Iterator[str]:
    kind = "choice, one member" if group.kind == "choice" else "axis, every member is an arm"
    value = configuration.typed()[group.name]
    chosen = value if isinstance(value, str) else ", ".join(value or ())
    hidden = "none (hidden)" if value is None else "none"
    yield f"{group.name}: {group.prompt}"
    yield f"  type:    {kind}"
    yield f"  value:   {chosen or hidden}"
    yield f"  source:  {configuration.source_of(group.name)}"
    yield f"  values:  {', '.join(group.values)}"
    for member in group.members:
        mark = "*" if configuration.value(member).text == "y" else " "
        prompt = configuration.tree.symbols[member].prompt
        yield f"  {mark} {member}: {prompt}"
    yield f"  results: {results_text(group) or 'may change them'}"
    yield f"  defined: {group.place}"


def _shown(symbol: Symbol, text: str) -> str:
    return f'"{backend.escape(text)}"' if symbol.kind == "string" else text


def _help_lines(text: str) -> Iterator[str]:
    if text:
        yield ""
        for line in text.splitlines():
            yield f"  {line}".rstrip()
