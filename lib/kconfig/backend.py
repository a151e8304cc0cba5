"""The one door to kconfiglib: parse a tree, and ask about expressions and menu nodes.

kconfiglib reads `srctree` and a dozen switches from the environment when a tree is made. They are
set for that moment only, so neither the caller's environment nor the working directory matters.
"""

import gc
import glob
import importlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lib.kconfig.errors import ConfigError, Problem

if TYPE_CHECKING:
    from kconfiglib import Choice, Kconfig, MenuNode, Symbol

# Variables that change how kconfiglib parses or writes; none of them may reach our trees.
_STEERING = (
    "CONFIG_",
    "KCONFIG_FUNCTIONS",
    "KCONFIG_STRICT",
    "KCONFIG_WARN_UNDEF",
    "KCONFIG_WARN_UNDEF_ASSIGN",
    "KCONFIG_CONFIG_HEADER",
    "KCONFIG_AUTOHEADER_HEADER",
)

# "Kconfig:3: message", possibly behind "warning: " or before "error: "
_LOCATED = re.compile(r"\s*(\S+?):(\d+): (?:error: |warning: )?(.*)", re.DOTALL)
# kconfiglib goes on about environment variables, which our trees do not use.
_MISSING_FILE = re.compile(r"('[^']*') not found \(in 'source ")
_DEFINED_AT = re.compile(r"\(defined at ([^:()\s]+):(\d+)")


@cache
def package(name: str = "kconfiglib") -> ModuleType:
    """kconfiglib, or one of the editors that come with it; a sentence where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name in ("curses", "_curses"):
            remedy = "on Windows use WSL; elsewhere install Python with curses"
            raise ConfigError.single(name, "needs the terminal library curses", remedy) from None
        if missing.name in ("tkinter", "_tkinter"):
            remedy = "install python3-tk, or use `make menuconfig`"
            raise ConfigError.single(name, "needs the window library tkinter", remedy) from None
        remedy = 'run `make setup`, or `pip install "kconfiglib>=14.1,<15"`'
        what = f"the Python package {missing.name} is not installed"
        raise ConfigError.single("bitterbench", what, remedy) from None


@contextmanager
def environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set (or, where None, remove) environment variables for the length of a block."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        for name, value in changes.items():
            _set_variable(name, value)
        yield
    finally:
        for name, value in before.items():
            _set_variable(name, value)


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def parse(root: Path, kind: type["Kconfig"] | None = None) -> "Kconfig":
    """Parse `<root>/Kconfig`, with a subclass of kconfiglib's Kconfig if one is given.

    Raises ConfigError at the first syntax error, and if there is no such file.
    """
    library = package()
    if not (root / "Kconfig").is_file():
        remedy = "run this in the top folder of bitterbench"
        raise ConfigError.single(str(root), "holds no Kconfig file", remedy)
    variables: dict[str, str | None] = dict.fromkeys(_STEERING)
    library.iglob = _finder(root.resolve())
    with environment({**variables, "srctree": str(root.resolve())}):
        try:
            return (kind or library.Kconfig)("Kconfig", warn_to_stderr=False)
        except (library.KconfigError, OSError, UnicodeDecodeError) as error:
            problem = _located_problem(str(error))
    # The parser leaves its files open when it gives up; they are closed here, not at some later
    # time in somebody else's code.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    raise ConfigError([problem])


def _finder(root: Path) -> Callable[[str], Iterator[str]]:
    """Finds sourced files for kconfiglib, which would read `*` and `[` of the root as a pattern."""
    prefix = f"{root}{os.sep}"

    def find(path: str) -> Iterator[str]:
        return glob.iglob(glob.escape(prefix) + path.removeprefix(prefix))

    return find


def parse_warnings(kconfig: "Kconfig") -> list[Problem]:
    """What kconfiglib remarked on while parsing: wrong defaults, types, redefinitions."""
    return [_located_problem(text) for text in kconfig.warnings]


def _located_problem(text: str) -> Problem:
    remedy = "mend the Kconfig file"
    if match := _LOCATED.match(text):
        what = " ".join(match[3].split())
        if missing := _MISSING_FILE.match(what):
            what = f"sources {missing[1]}, which is not there"
        return Problem(match[1], int(match[2]), what, remedy)
    what = " ".join(text.removeprefix("warning: ").split())
    if match := _DEFINED_AT.search(what):
        return Problem(match[1], int(match[2]), what, remedy)
    return Problem("Kconfig", 0, what, remedy)


def node_place(node: "MenuNode") -> tuple[str, int]:
    """File (relative to the root) and line of a menu node."""
    return node.filename, node.linenr


def expression_value(expression: Any) -> int:
    """0 (n), 1 (m) or 2 (y) of an expression as things stand."""
    return package().expr_value(expression)


def expression_text(expression: Any) -> str:
    """An expression as it would be written in a Kconfig file."""
    return package().expr_str(expression)


def clauses(expression: Any) -> list[Any]:
    """The top-level conjuncts: `A && (B || C)` has two."""
    library = package()
    return library.split_expr(expression, library.AND)


def alternatives(expression: Any) -> list[Any]:
    """The top-level disjuncts."""
    library = package()
    return library.split_expr(expression, library.OR)


def is_always(expression: Any, kconfig: "Kconfig") -> bool:
    """Whether an expression is the constant y, so that there is nothing to tell about it."""
    return expression is kconfig.y


def symbols_in(expression: Any) -> list["Symbol"]:
    """The defined symbols of an expression, by name; constants are symbols too, without nodes."""
    items = package().expr_items(expression)
    return sorted((item for item in items if item.nodes), key=lambda item: item.name or "")


def is_asked_for(symbol: "Symbol") -> bool:
    """Whether `savedefconfig` writes this symbol: it can be set, and is not at its default."""
    library = package()
    choice = symbol.choice
    if choice is None and symbol.visibility <= library.expr_value(symbol.rev_dep):
        return False
    if symbol.str_value == symbol._str_default():
        return False
    return choice is None or choice._selection_from_defaults() is not symbol


def is_symbol(item: Any) -> bool:
    return isinstance(item, package().Symbol)


def is_choice(item: Any) -> bool:
    return isinstance(item, package().Choice)


def is_menu(item: Any) -> bool:
    return item is package().MENU


def is_comment(item: Any) -> bool:
    return item is package().COMMENT


def kind_name(item: "Symbol | Choice") -> str:
    """bool, tristate, int, hex, string or unknown."""
    return package().TYPE_TO_STR[item.orig_type]


def escape(text: str) -> str:
    """A string as it stands between the quotes of a `.config` line."""
    return text.replace("\\", r"\\").replace('"', r"\"")


def undefined_references(kconfig: "Kconfig") -> list[Problem]:
    """Every use of a symbol that nothing defines (to Kconfig it is silently n)."""
    undefined = {
        symbol
        for symbol in kconfig.syms.values()
        if not symbol.nodes and symbol.name != "MODULES" and not _is_number(symbol.name)
    }
    problems = []
    for node in kconfig.node_iter() if undefined else ():
        for symbol in sorted(undefined & node.referenced, key=lambda found: found.name):
            what = f"refers to {symbol.name}, which nothing defines"
            remedy = f'define it, or write "{symbol.name}" in quotes if it is a value'
            problems.append(Problem(*node_place(node), what, remedy))
    return problems


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+|0[xX][0-9a-fA-F]+", text) is not None
