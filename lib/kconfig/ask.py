"""The line by line dialogue of `make config` and `make oldconfig`.

Each answer is an assignment on top of the configuration so far, checked as strictly as a line of
a file; a refused one is explained and asked again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.kconfig.errors import ConfigError
from lib.kconfig.explain import explain
from lib.kconfig.groups import Group
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    from lib.kconfig.configuration import Configuration

Read = Callable[[str], str]
Write = Callable[[str], None]


class InputEnded(Exception):
    """The input ended before the last question; `question` is the one left open."""

    def __init__(self, question: str) -> None:
        super().__init__(f"the input ended at {question}")
        self.question = question


def ask(
    configuration: "Configuration", known: set[str], read: Read, write: Write
) -> "Configuration":
    """Ask for every visible symbol and choice that has a member outside `known`, in menu order.

    An empty answer keeps the present value, `?` explains. Answers may bring up further questions,
    which are asked too. `read(prompt)` returns a line or raises EOFError, which becomes InputEnded.
    """
    known = set(known)
    while waiting := configuration.missing_from(known):
        symbol = configuration.tree.symbols[waiting[0]]
        group = configuration.tree.groups.get(symbol.group or "")
        if group is not None and group.kind == "choice":
            configuration = _ask_choice(configuration, group, read, write)
            known.update(group.members)
        else:
            configuration = _ask_symbol(configuration, symbol, read, write)
            known.add(symbol.name)
    return configuration


def _ask_symbol(
    configuration: "Configuration", symbol: Symbol, read: Read, write: Write
) -> "Configuration":
    value = configuration.value(symbol.name).text
    shown = {"y": "Y/n", "n": "N/y"}[value] if symbol.kind == "bool" else value
    prompt = f"{symbol.prompt} ({symbol.name}) [{shown}] "
    while True:
        answer = _read(read, prompt, symbol.name)
        if answer == "?":
            write(explain(configuration, symbol.name))
        elif answer == "":
            return configuration
        else:
            text = answer.lower() if symbol.kind == "bool" else answer
            try:
                return configuration.derive({symbol.name: text}, "answer")
            except ConfigError as error:
                write(str(error))


def _ask_choice(
    configuration: "Configuration", group: Group, read: Read, write: Write
) -> "Configuration":
    free = [member for member in group.members if configuration.value(member).is_visible]
    while True:
        write(f"{group.prompt} ({group.name})")
        for number, member in enumerate(free, 1):
            mark = ">" if configuration.value(member).text == "y" else " "
            prompt = configuration.tree.symbols[member].prompt
            write(f"{mark} {number}. {group.value_of(member)}: {prompt}")
        answer = _read(read, f"1 to {len(free)}, or a name: ", group.name)
        if answer == "?":
            write(explain(configuration, group.name))
        elif answer == "":
            return configuration
        else:
            is_number = answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(free)
            value = group.value_of(free[int(answer) - 1]) if is_number else answer
            try:
                return configuration.derive({group.name: value}, "answer")
            except ConfigError as error:
                write(str(error))


def _read(read: Read, prompt: str, question: str) -> str:
    try:
        return read(prompt).strip()
    except EOFError:
        raise InputEnded(question) from None
