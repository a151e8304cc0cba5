"""Make our symbols and groups of a parsed tree, and refuse a tree that breaks the house rules.

Every finding is collected; a tree is refused with all of them at once.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.annotations import EMPTY, Annotations, read_annotations
from lib.kconfig.dialect import dialect_problems
from lib.kconfig.errors import ConfigError, Problem
from lib.kconfig.groups import Group, choice_group_name
from lib.kconfig.string_types import StringType
from lib.kconfig.symbols import Symbol

if TYPE_CHECKING:
    import kconfiglib

# In config.py CONFIG_HASH and CONFIG_HASHED are ours, not symbols.
RESERVED_NAMES = ("HASH", "HASHED")


def read_tree(root: Path, raw: "kconfiglib.Kconfig") -> tuple[dict[str, Symbol], dict[str, Group]]:
    """Symbols and groups in menu order. Raises ConfigError with all that is wrong with the tree."""
    problems = backend.parse_warnings(raw) + backend.undefined_references(raw)
    problems += dialect_problems(root, raw.kconfig_filenames)
    remedy = "mend the Kconfig file"
    axes: dict[str, list[tuple[str, bool]]] = {}
    members = {member.name: choice for choice in raw.unique_choices for member in choice.syms}
    symbols: dict[str, Symbol] = {}
    for item in raw.unique_defined_syms:
        node = item.nodes[0]
        file, line = backend.node_place(node)
        annotations, complaints = read_annotations(node.help)
        kind = backend.kind_name(item)
        prompt = node.prompt[0] if node.prompt else None
        if annotations.axis:
            axes.setdefault(annotations.axis, []).append((item.name, annotations.is_relevant))
            if kind != "bool" or prompt is None or item.name in members:
                complaints.append("only a bool with a prompt, outside a choice, has an `Axis:`")
            if not item.name.startswith(f"{annotations.axis}_"):
                complaints.append(f"a member of {annotations.axis} begins with {annotations.axis}_")
        complaints += _symbol_complaints(item, kind, prompt, annotations.string_type)
        if annotations.neutral is not None and not _can_be_neutral(item, kind, annotations):
            complaints.append(
                "only a bool, an int or a whole choice is neutral at a value, and a string that "
                "may be empty at `empty`"
            )
        problems += [Problem(file, line, f"{item.name}: {what}", remedy) for what in complaints]
        symbols[item.name] = Symbol(
            item.name,
            kind,
            prompt,
            (node.help or "").strip(),
            annotations.string_type,
            annotations.axis,
            annotations.is_relevant,
            "" if kind == "string" and annotations.neutral else annotations.neutral,
            file,
            line,
            item,
            annotations.replaces,
        )
    problems += [
        Problem(
            symbol.file,
            symbol.line,
            f"{symbol.name}: `Replaces: {symbol.replaces}` needs that symbol, and a value at which "
            f"{symbol.name} is off (`Results: unaffected at`)",
            remedy,
        )
        for symbol in symbols.values()
        if symbol.replaces is not None
        and (symbol.replaces not in symbols or symbol.neutral is None)
    ]
    found = _choice_groups(raw, symbols, problems) + _axis_groups(axes, symbols, problems)
    _check_group_names(found, symbols, problems)
    if problems:
        raise ConfigError(problems)
    for group in found:
        for name in group.members:
            symbols[name] = replace(symbols[name], group=group.name, is_relevant=group.is_relevant)
    order = {name: position for position, name in enumerate(symbols)}
    found.sort(key=lambda group: order[group.members[0]])
    return symbols, {group.name: group for group in found}


def _symbol_complaints(
    item: "kconfiglib.Symbol", kind: str, prompt: str | None, string_type: StringType | None
) -> list[str]:
    complaints = []
    if len(item.nodes) > 1:
        complaints.append("has more than one definition")
    if kind not in ("bool", "int", "hex", "string"):
        complaints.append(f"is a {kind}; only bool, int, hex and string are used here")
    if item.name in RESERVED_NAMES:
        complaints.append("is a name that config.py needs for itself")
    if item.env_var is not None:
        complaints.append("takes its value from the environment, which must not change a result")
    if kind == "string" and prompt is not None and string_type is None:
        complaints.append("a string with a prompt needs a `Type:` line in its help")
    if kind != "string" and string_type is not None:
        complaints.append("only a string has a `Type:` line")
    for default, _ in item.defaults:
        # A constant is a symbol without a definition; its name is its value.
        if string_type and backend.is_symbol(default) and not default.nodes:
            complaint = string_type.complaint(default.name)
            complaints += [f'default "{default.name}" {complaint}'] if complaint else []
    if kind in ("int", "hex") and prompt is not None and not item.defaults:
        complaints.append(f"an {kind} with a prompt needs a default")
    return complaints


def _can_be_neutral(item: "kconfiglib.Symbol", kind: str, annotations: Annotations) -> bool:
    """Whether `Results: unaffected at VALUE` names a value that this option can have."""
    string_type = annotations.string_type
    if kind == "string":
        may_be_empty = string_type is not None and string_type.may_be_empty
        return annotations.neutral == EMPTY and may_be_empty
    is_bool, is_word = annotations.neutral in ("y", "n"), annotations.neutral[0].isalpha()
    fitting = "bool" if is_bool else None if is_word else "int"
    return kind == fitting and item.choice is None and annotations.axis is None


def _choice_groups(
    raw: "kconfiglib.Kconfig", symbols: dict[str, Symbol], problems: list[Problem]
) -> list[Group]:
    groups: list[Group] = []
    for choice in raw.unique_choices:
        node = choice.nodes[0]
        file, line = backend.node_place(node)
        members = tuple(member.name for member in choice.syms)
        name = choice_group_name(members)
        annotations, complaints = read_annotations(node.help)
        if choice.is_optional or backend.kind_name(choice) != "bool" or len(choice.nodes) > 1:
            complaints.append("is optional, tristate or defined twice; use an axis instead")
        if annotations.axis or annotations.string_type:
            complaints.append("a choice takes only `Results:`")
        if name is None:
            complaints.append("its members share no prefix that ends in _")
        free = {symbols[member].is_relevant for member in members}
        if annotations.is_relevant and len(free) > 1:
            complaints.append("some members say `Results: unaffected`, some do not")
        problems += [Problem(file, line, f"choice: {what}", "mend it") for what in complaints]
        prompt = node.prompt[0] if node.prompt else ""
        is_relevant = annotations.is_relevant and True in free
        if name is not None:
            neutral = annotations.neutral
            group = Group(name, "choice", members, is_relevant, neutral, file, line, prompt)
            if neutral is not None and neutral not in group.values:
                what = f"choice: `{neutral}` is none of its values, {', '.join(group.values)}"
                problems.append(Problem(file, line, what, "mend it"))
            groups.append(group)
    return groups


def _axis_groups(
    axes: dict[str, list[tuple[str, bool]]], symbols: dict[str, Symbol], problems: list[Problem]
) -> list[Group]:
    groups = []
    for name, entries in axes.items():
        first = symbols[entries[0][0]]
        free = {is_relevant for _, is_relevant in entries}
        if len(free) > 1:
            what = f"axis {name}: some members say `Results: unaffected`, some do not"
            problems.append(Problem(first.file, first.line, what, "mend the Kconfig files"))
        members = tuple(member for member, _ in entries)
        place = first.file, first.line
        prompt = name.replace("_", " ")
        groups.append(Group(name, "axis", members, True in free, None, *place, prompt))
    return groups


def _check_group_names(
    groups: list[Group], symbols: dict[str, Symbol], problems: list[Problem]
) -> None:
    seen: dict[str, Group] = {}
    for group in groups:
        what = f"the {group.kind} of {', '.join(group.members)} is named {group.name}, as is "
        other = symbols.get(group.name) or seen.get(group.name)
        if other is not None:
            what += f"what stands at {other.place}"
            problems.append(Problem(group.file, group.line, what, "rename one of them"))
        seen[group.name] = group
