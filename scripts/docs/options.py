"""Tables of options: what each means and its default, from the Kconfig tree and nowhere else."""

from collections.abc import Iterable, Iterator

from lib.kconfig import Tree
from lib.kconfig.explain import default_texts, symbol_type
from lib.kconfig.symbols import Symbol
from scripts.docs.tables import code, table


def option_table(tree: Tree, names: Iterable[str]) -> str:
    """Options with prompt, type and default; a name without a prompt of its own is left out."""
    symbols = (tree.symbols[name] for name in names)
    return table(
        ("option", "what it is", "type", "default"),
        (
            (code(symbol.name), symbol.prompt, symbol_type(symbol), defaults(symbol))
            for symbol in symbols
            if symbol.prompt is not None
        ),
    )


def defaults(symbol: Symbol) -> str:
    """Every default with its condition, as the tree has them; of a bool without one: n."""
    texts = default_texts(symbol)
    return ", ".join(code(text.replace('"', "")) for text in texts) or code("n")


def options_of(tree: Tree, folder: str) -> Iterator[str]:
    """The options that stand alone (no member of a choice or axis) of the files in a folder."""
    for name, symbol in tree.symbols.items():
        if symbol.file.startswith(folder) and symbol.group is None and symbol.prompt is not None:
            yield name


def members(tree: Tree, group: str) -> Iterator[tuple[str, str, str]]:
    """Of a choice or axis by value: the value, what the menu calls it, and its help in one line."""
    for value in tree.groups[group].values:
        symbol = tree.symbols[tree.groups[group].member_of(value)]
        # The prompt repeats the value for people who see it in a menu.
        prompt = (symbol.prompt or "").removeprefix(f"{value}: ")
        yield value, prompt, help_line(symbol)


def help_line(symbol: Symbol) -> str:
    """The help without annotations, in one line; "-" for none."""
    kept = [
        line.strip()
        for line in symbol.help.splitlines()
        if not line.strip().startswith(("Type:", "Axis:", "Results:"))
    ]
    return " ".join(" ".join(kept).split()) or "-"
