"""The generated tables of docs/optimizers.md."""

from lib.cli import ROOT
from lib.kconfig import Tree, override_layer
from lib.kconfig.symbols import Symbol
from lib.optimizers import OPTIMIZERS
from scripts.docs.options import help_line, option_table
from scripts.docs.tables import code, table

PAGE = ROOT / "docs" / "optimizers.md"
PRESETS = ("seed", "paper")


def contents(tree: Tree) -> dict[str, str]:
    """By place of the page, its table."""
    return {
        "optimizers": table(
            ("`OPTIMIZER`", "what it is", "update", "source"),
            (
                (code(name), entry.summary, code(entry.formula), entry.source)
                for name, entry in OPTIMIZERS.items()
            ),
        ),
        "optimizer-facts": table(
            ("`OPTIMIZER`", "equals", "known weakness"),
            ((code(name), entry.equals, entry.weakness) for name, entry in OPTIMIZERS.items()),
        ),
        "optimizer-settings": _settings(tree),
        "optimizer-options": option_table(tree, _read(tree)),
        "spam-presets": _presets(tree),
    }


def _read(tree: Tree) -> list[str]:
    """Every option that some optimizer reads, in the order of the menu."""
    read = {symbol for entry in OPTIMIZERS.values() for symbol in entry.settings}
    return [name for name in tree.symbols if name in read]


def _settings(tree: Tree) -> str:
    rows = []
    for name, entry in OPTIMIZERS.items():
        symbols = " ".join(code(symbol) for symbol in entry.settings)
        if entry.base_symbol is not None:
            symbols = f"those of its base, which {code(entry.base_symbol)} names {symbols}".rstrip()
        rows.append((code(name), symbols))
    return table(("`OPTIMIZER`", "options that it reads"), rows)


def _presets(tree: Tree) -> str:
    """What the presets fix, resolved as a configuration would resolve it."""
    configurations = [
        tree.resolve(
            [override_layer([("OPTIMIZER", "adamwspam"), ("SPAM_PRESET", preset)], "make docs")]
        ).typed()
        for preset in PRESETS
    ]
    names = [name for name in tree.symbols if name in OPTIMIZERS["adamwspam"].settings]
    rows = []
    for name in names:
        symbol = tree.symbols[name]
        values = [_shown(symbol, configuration[name]) for configuration in configurations]
        if name.startswith("SPAM_") or len(set(values)) > 1:
            rows.append((code(name), symbol.prompt or help_line(symbol), *map(code, values)))
    return table(("option", "what it is", *(f"`{preset}`" for preset in PRESETS)), rows)


def _shown(symbol: Symbol, value: bool | int | float | str | None) -> str:
    if symbol.kind == "bool":
        # A fixed bool that is off has no value at all.
        return "y" if value else "n"
    return f"{value:g}" if isinstance(value, float) else str(value)
