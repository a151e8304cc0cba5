"""A stored `.config` takes what is laid over it as the wishes that it was made from would."""

import random
import re
from functools import cache

import pytest

from lib.cli import ROOT
from lib.kconfig import ConfigError, Configuration, Tree, backend, override_layer, read_layer
from lib.kconfig.randomize import Randomness, random_configuration
from lib.kconfig.scan import Layer, scan_text
from lib.kconfig.store import header_lines

DEFCONFIGS = sorted(path.name for path in (ROOT / "defconfigs").iterdir() if path.is_file())

# Between them they show every option whose default depends on another one.
BASES = (
    {"ARCH_PRESET": "custom", "OPTIMIZER": "adamwspam", "SPAM_PRESET": "custom"},
    {"ARCH_PRESET": "custom", "ARCH_BASE": "llama", "OPTIMIZER": "adamwspam"},
    {"OPTIMIZER": "adamwspam", "SPAM_PRESET": "paper", "MODEL": "custom"},
    {"OPTIMIZER": "adamwspam", "SPAM_PRESET": "paper,custom", "PRUNING_METHOD": "magnitude"},
    {"OPTIMIZER": "adamw", "PRUNING_METHOD": "magnitude", "ARCH_PRESET": "llama"},
)


def defconfig(name: str) -> Layer:
    return read_layer(ROOT / "defconfigs" / name, name, kind="request")


def stored(configuration: Configuration) -> Layer:
    return scan_text(configuration.file_text(header_lines("x")), ".config", "state")


def outcome(tree: Tree, layers: list[Layer]) -> object:
    """All values, or that they are refused."""
    try:
        configuration = tree.resolve(layers)
    except ConfigError:
        return "refused"
    return configuration.text([]), configuration.minimal_text(), configuration.typed().hash


def owner(tree: Tree, name: str) -> str:
    """What a person sets: the choice of a member, else the symbol."""
    return tree.symbols[name].group or name if tree.symbols[name].raw.choice else name


def behind(tree: Tree, expression: object, seen: frozenset[str] = frozenset()) -> set[str]:
    """The options that an expression depends on; through those that are derived."""
    found: set[str] = set()
    for item in backend.symbols_in(expression):
        symbol = tree.symbols.get(item.name)
        if symbol is None or item.name in seen:
            continue
        if symbol.prompt is not None:
            found.add(owner(tree, item.name))
        for pair in item.defaults if symbol.prompt is None else ():
            for part in pair:
                found |= behind(tree, part, seen | {item.name})
    return found


def dependent_defaults(tree: Tree) -> set[tuple[str, str]]:
    """(A, B) for each default of B that depends on A, both options that a person can set."""
    pairs: set[tuple[str, str]] = set()
    for name, symbol in tree.symbols.items():
        if symbol.prompt is None:
            continue
        choice = symbol.raw.choice
        expressions = [symbol.raw.rev_dep, symbol.raw.weak_rev_dep] if choice is None else []
        for default, condition in (choice or symbol.raw).orig_defaults:
            expressions += [condition] if choice is not None else [default, condition]
        for expression in expressions:
            pairs |= {(found, owner(tree, name)) for found in behind(tree, expression)}
    return {(a, b) for a, b in pairs if a != b}


def values_of(tree: Tree, name: str) -> tuple[str, ...]:
    if name in tree.groups:
        return tree.groups[name].values
    symbol = tree.symbols[name]
    if symbol.kind == "int":
        return ("60",)
    return ("y", "n") if symbol.kind == "bool" else ("1e-6",)


def test_every_default_follows_what_the_command_line_changes(tree):
    pairs = dependent_defaults(tree)
    assert ("ARCH_BASE", "NORMALIZATION") in pairs
    assert ("EPSILON", "SPAM_EPSILON") in pairs
    assert len(pairs) >= 30
    moved: set[tuple[str, str]] = set()
    for base in BASES:
        before = tree.resolve([override_layer(list(base.items()))])
        asked = scan_text(before.minimal_text(), "defconfig", "request")
        file, typed = stored(before), before.typed()
        for changed in sorted({a for a, _ in pairs}):
            for value in values_of(tree, changed):
                wish = override_layer([(changed, value)])
                fresh = outcome(tree, [asked, wish])
                assert outcome(tree, [file, wish]) == fresh, (base, changed, value)
                if fresh != "refused":
                    after = tree.resolve([asked, wish]).typed()
                    moved |= {(a, b) for a, b in pairs if a == changed and after[b] != typed[b]}
    assert moved == pairs, f"not tried: {sorted(pairs - moved)}"


@cache
def known_assignments(tree: Tree) -> tuple[tuple[str, str], ...]:
    """Legal assignments to every option, drawn at random."""
    found: dict[tuple[str, str], None] = {}
    for seed in range(40):
        wishes = random_configuration(tree, Randomness(seed)).requested().items()
        found.update(dict.fromkeys((name, request.value) for name, request in wishes))
    for group in tree.groups.values():
        found.update(dict.fromkeys((group.name, value) for value in group.values))
    return tuple(sorted(found))


def try_pairs(tree: Tree, name: str, count: int) -> int:
    """Compare random pairs of assignments on top; how many of them were legal."""
    generator = random.Random(name)
    wishes = defconfig(name)
    file = stored(tree.resolve([wishes]))
    names = sorted({name for name, _ in known_assignments(tree)})
    legal = 0
    for _ in range(count):
        chosen = generator.sample(names, 2)
        pair = [generator.choice([p for p in known_assignments(tree) if p[0] == n]) for n in chosen]
        layer = override_layer(pair)
        fresh = outcome(tree, [wishes, layer])
        assert outcome(tree, [file, layer]) == fresh, pair
        legal += fresh != "refused"
    return legal


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_two_assignments_on_a_stored_defconfig_are_two_on_the_defconfig(tree, name):
    assert try_pairs(tree, name, 12) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFCONFIGS)
def test_five_hundred_of_them(tree, name):
    assert try_pairs(tree, name, 500) > 100


def lines_of(configuration: Configuration, option: str) -> list[str]:
    """The lines of one symbol, choice or axis in `.config`; some may be missing."""
    group = configuration.tree.groups.get(option)
    return [configuration.line_of(name) for name in (group.members if group else (option,))]


@pytest.mark.parametrize("name", DEFCONFIGS[::4])
def test_an_edit_by_hand_is_one_more_wish(tree, name):
    generator = random.Random(name)
    before = tree.resolve([defconfig(name)])
    tried = 0
    for option, value in generator.sample(known_assignments(tree), 80):
        is_member = option in tree.symbols and tree.symbols[option].raw.choice is not None
        old = lines_of(before, option)
        if is_member or not all(old) or not before.is_free(option):
            continue
        try:
            after = before.derive({option: value}, "edit")
        except ConfigError:
            continue
        text = before.file_text(header_lines(name))
        for line, new in zip(old, lines_of(after, option), strict=True):
            assert text.count(f"\n{line}\n") == 1
            text = text.replace(f"\n{line}\n", f"\n{new}\n")
        again = tree.resolve([scan_text(text, ".config", "state")])
        assert again.text([]) == after.text([]), (option, value)
        tried += 1
    assert tried > 5


def with_base(text: str, base: str) -> str:
    text = text.replace("CONFIG_ARCH_BASE_GPT2=y", "# CONFIG_ARCH_BASE_GPT2 is not set")
    return text.replace(f"# CONFIG_ARCH_BASE_{base} is not set", f"CONFIG_ARCH_BASE_{base}=y")


def test_an_edited_base_brings_its_components_and_says_so(tree):
    custom = tree.resolve([override_layer([("ARCH_PRESET", "custom")])])
    text = with_base(custom.file_text(header_lines("x")), "LLAMA")
    configuration = tree.resolve([scan_text(text, ".config", "state")])
    llama = tree.resolve([override_layer([("ARCH_PRESET", "llama")])])
    assert configuration.typed().hash == llama.typed().hash
    (note,) = configuration.notes
    assert note == (
        ".config was edited, and lines that stood at their defaults follow the edit: "
        "NORMALIZATION=rmsnorm, POSITION_ENCODING=rope, FFN_TYPE=swiglu, BIAS=n, WEIGHT_TYING=n. "
        "`make olddefconfig` writes them; set them after that to have others."
    )
    # Written anew they are what they were said to be, and there is nothing to say.
    again = tree.resolve([stored(configuration)])
    assert (again.text([]), again.notes) == (configuration.text([]), ())


def test_the_commands_of_the_page_give_what_the_page_says(tree):
    """docs/architectures.md, line by line on the `.config` that the first one leaves."""
    page = (ROOT / "docs" / "architectures.md").read_text("utf-8")
    commands = re.findall(r"^    make (.*?)(?: +#.*)?$", page.split("## Sizes")[0], re.MULTILINE)
    assert [command.split()[0] for command in commands] == [
        "defconfig-gpt2-shakespeare-cpu",
        *["ARCH_PRESET=custom"] * 2,
    ]
    pairs = [[word.split("=") for word in command.split() if "=" in word] for command in commands]
    base = tree.resolve([defconfig("gpt2-shakespeare-cpu"), override_layer(pairs[0])])
    later = [tree.resolve([stored(base), override_layer(wish)]) for wish in pairs[1:]]
    rotary, mixed = (configuration.typed() for configuration in later)
    components = ("NORMALIZATION", "POSITION_ENCODING", "FFN_TYPE", "BIAS", "WEIGHT_TYING")
    gpt2 = ("layernorm", "learned-absolute", "standard", True, True)
    llama = ("rmsnorm", "rope", "swiglu", False, False)
    assert tuple(base.typed()[name] for name in components) == llama
    assert tuple(rotary[name] for name in components) == (gpt2[0], "rope", *gpt2[2:])
    assert tuple(mixed[name] for name in components) == ("layernorm", *llama[1:])
