"""Strings that ask for more runs.

    Type: sweep         `SYMBOL=v1,v2,...;SYMBOL2=...`: further axes, every combination of them
    Type: variations    `SYMBOL=v SYMBOL2=v;SYMBOL=w`: further arms, each with these options changed

Each symbol must be one that a person can set, each value legal by type; whether it is in range or
visible depends on the rest of a configuration and is checked where the runs are derived.
"""

from collections.abc import Mapping

from lib.kconfig.aliases import meant_by, target_of
from lib.kconfig.groups import Group
from lib.kconfig.symbols import Symbol
from lib.kconfig.values import value_complaint


def parse_sweep(
    text: str, symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> dict[str, tuple[str, ...]]:
    """Symbol or choice -> its values as text, in the order written; {} of an empty text.

    Raises ValueError with the end of a sentence ("names NOSUCH, ...").
    """
    axes: dict[str, tuple[str, ...]] = {}
    for part in text.split(";") if text else ():
        name, equals, listed = part.partition("=")
        if not equals or not listed or part != part.strip():
            raise ValueError(f"has the part `{part}`, which is not SYMBOL=value,value")
        name = target_of(name, symbols, groups)
        if name in axes:
            raise ValueError(f"names {name} twice")
        values = tuple(meant_by(value, name, symbols, groups) for value in listed.split(","))
        _check(name, values, symbols, groups)
        axes[name] = values
    return axes


def parse_variations(
    text: str, symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> tuple[dict[str, str], ...]:
    """For each variation symbol or choice -> value as text; () of an empty text.

    Raises ValueError as `parse_sweep`.
    """
    found: list[dict[str, str]] = []
    for part in text.split(";") if text else ():
        if part != part.strip() or not part:
            raise ValueError(f"has the part `{part}`, which is not SYMBOL=value SYMBOL=value")
        variation: dict[str, str] = {}
        for assignment in part.split(" "):
            name, equals, value = assignment.partition("=")
            if not equals or not value:
                raise ValueError(f"has `{assignment}`, which is not SYMBOL=value")
            name = target_of(name, symbols, groups)
            if name in variation:
                raise ValueError(f"names {name} twice in `{part}`")
            value = meant_by(value, name, symbols, groups)
            _check(name, (value,), symbols, groups)
            variation[name] = value
        if variation in found:
            raise ValueError(f"has `{part}` twice")
        found.append(variation)
    return tuple(found)


PARSERS = {"sweep": parse_sweep, "variations": parse_variations}


def sweep_complaint(
    kind: str, text: str, symbols: Mapping[str, Symbol], groups: Mapping[str, Group]
) -> str | None:
    """Why a text is no sweep, or no variations, as the end of a sentence; None if it is."""
    try:
        PARSERS[kind](text, symbols, groups)
    except ValueError as error:
        return str(error)
    return None


def _check(
    name: str,
    values: tuple[str, ...],
    symbols: Mapping[str, Symbol],
    groups: Mapping[str, Group],
) -> None:
    group = groups.get(name)
    if group is not None:
        if group.kind == "axis":
            raise ValueError(f"names the axis {name}; enable its members instead")
        for value in values:
            if group.member_of(value) is None:
                raise ValueError(f"has {name}={value}, which is none of {', '.join(group.values)}")
        compared: list[object] = [group.member_of(value) for value in values]
    else:
        symbol = symbols.get(name)
        if symbol is None or symbol.prompt is None:
            raise ValueError(f"names {name}, which is no option")
        if symbol.group is not None:
            raise ValueError(f"names {name}; sweep {symbol.group} instead")
        if symbol.string_type and symbol.string_type.base in PARSERS:
            raise ValueError(f"names {name}, which itself asks for runs")
        for value in values:
            if complaint := value_complaint(symbol, value):
                raise ValueError(f"has {name}={value}, which {complaint}")
        compared = [symbol.typed(value) for value in values]
    if len(set(compared)) < len(compared):
        raise ValueError(f"gives {name} the same value twice")
