"""Why a symbol did not take the value that was asked for, in a sentence that names the clause."""

from typing import TYPE_CHECKING, Any

from lib.kconfig import backend
from lib.kconfig.errors import Problem, shown
from lib.kconfig.groups import Group
from lib.kconfig.interpret import Request
from lib.kconfig.state import Value

if TYPE_CHECKING:
    from lib.kconfig.tree import Tree


def not_honoured(tree: "Tree", request: Request, value: Value) -> Problem:
    """The problem of a request that the tree's present state does not honour."""
    name = request.name
    symbol = tree.symbols[name]
    asked = f"{name}={shown(request.value)}"
    becomes = f"it becomes {shown(value.text)}" if value.is_active else "it is dropped"
    if selectors := tree.state.selectors(name):
        what = f"{asked}, but {', '.join(selectors)} selects it; {becomes}"
        return request.problem(what, f"remove it, or set {selectors[0]}=n")
    if not value.is_visible:
        wants = describe_clauses(tree, unmet_clauses(tree, name))
        what = f"{asked} wants {wants} ({symbol.place}); {becomes}"
        return request.problem(what, "meet that condition, or remove the assignment")
    active_range = tree.state.active_range(name) if symbol.kind in ("int", "hex") else None
    if active_range is not None:
        low, high = active_range
        what = f"{asked} is outside {low} to {high} ({symbol.place}); {becomes}"
        return request.problem(what, f"choose a value from {low} to {high}")
    return request.problem(f"{asked} is not taken ({symbol.place}); {becomes}", "remove it")


def no_member(tree: "Tree", request: Request, group: Group) -> Problem:
    """The problem of a request that turns off the last member of a visible choice."""
    values = ((member, tree.state.value(member)) for member in group.members)
    chosen = next(member for member, value in values if value.text == "y")
    what = f"{request.name}=n leaves the choice {group.name} ({group.place}) without a member"
    remedy = f"set one of {', '.join(group.members)} to y"
    return request.problem(f"{what}; {chosen} becomes y", remedy)


def unmet_clauses(tree: "Tree", name: str) -> list[Any]:
    """The top-level conditions of a symbol's prompt that do not hold now."""
    return _unmet(tree.symbols[name].raw)


def _unmet(item: Any) -> list[Any]:
    """Of a symbol or a choice."""
    node = item.nodes[0]
    condition = node.prompt[1] if node.prompt else node.dep
    return [part for part in backend.clauses(condition) if not backend.expression_value(part)]


def describe_clauses(tree: "Tree", expressions: list[Any]) -> str:
    """`CUDA (=n)`, `A || B (A=n, B=n)`, joined by "and"."""
    return " and ".join(dict.fromkeys(_describe(tree, found) for found in expressions)) or "nothing"


def _describe(tree: "Tree", expression: Any) -> str:
    text = backend.expression_text(expression)
    if backend.is_choice(expression):
        return describe_clauses(tree, _unmet(expression))
    symbols = [found for found in backend.symbols_in(expression) if found.name in tree.symbols]
    if [found.name for found in symbols] == [text]:
        return f"{text} (={symbols[0].str_value})"
    values = ", ".join(f"{found.name}={found.str_value}" for found in symbols)
    return f"{text} ({values})" if values else text


def default_problems(tree: "Tree", values: dict[str, Value], taken: set[str]) -> list[Problem]:
    """What is wrong with values that nobody asked for: the tree's fault, or a consequence.

    kconfiglib warns of the first two only when it evaluates, so a second configuration of the
    same tree would not be told again; hence they are computed. `taken` names the symbols whose
    value is a request.
    """
    problems = []
    for name in tree.ranged - taken:
        default, limits = tree.state.active_default(name), tree.state.active_range(name)
        if default is None or limits is None or not values[name].is_active:
            continue
        symbol = tree.symbols[name]
        low, high = limits
        if not low <= int(default or "0", 16 if symbol.kind == "hex" else 10) <= high:
            what = f"the default {default} of {name} is outside {low} to {high}"
            what += f"; it becomes {values[name].text}"
            remedy = f"set {name} to a value from {low} to {high}"
            problems.append(Problem(symbol.file, symbol.line, what, remedy))
    for name in tree.selectable:
        symbol = tree.symbols[name]
        selectors = tree.state.selectors(name)
        if selectors and not backend.expression_value(symbol.raw.direct_dep):
            parts = backend.clauses(symbol.raw.direct_dep)
            unmet = [part for part in parts if not backend.expression_value(part)]
            wants = describe_clauses(tree, unmet)
            what = f"{', '.join(selectors)} selects {name}, which wants {wants}"
            problems.append(Problem(symbol.file, symbol.line, what, f"set {selectors[0]}=n"))
    for name in tree.strings - taken:
        symbol = tree.symbols[name]
        complaint = symbol.string_type.complaint(values[name].text) if symbol.string_type else None
        if complaint and values[name].is_active:
            what = f'the default "{values[name].text}" of {name} {complaint}'
            problems.append(Problem(symbol.file, symbol.line, what, f"set {name}"))
    return problems
