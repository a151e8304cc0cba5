"""The command lines that the documents print, and what can be said of one without running Make."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from lib.cli import ROOT
from lib.kconfig import Configuration, Tree, override_layer, read_layer
from lib.kconfig.catalogue import Catalogue

# Of targets that take variables of their own; those of the configuration go with every target.
OWN_VARIABLES = {
    "sample": {"RUN", "CHECKPOINT", "PROMPT", "COUNT", "TEMPERATURE", "TOP_K", "TOP_P", "TOKENS"},
    "hellaswag": {"RUN", "CHECKPOINT", "LIMIT"},
    "latency": {"RUN", "CHECKPOINT"},
    "export": {"RUN", "CHECKPOINT", "FORMAT", "OUT"},
    "compare": {"RUNS", "LATEST"},
    "bench": {"TARGET", "FAST", "WRITE"},
    "check-mutants": {"TARGET"},
    "check-reference": {"TARGET", "RUN"},
    "reference": {"TARGET"},
    "test-rerun": {"TARGET"},
    "setup": {"EXTRAS", "TORCH_INDEX", "BASE_PYTHON"},
}
EVERYWHERE = {"PYTHON", "LAUNCHER"}

# What computes or plans the runs of the configuration.
OF_THE_MATRIX = {"all", "dry-run", "prepare-data", "report", "status", "watch", "train"}

BLOCK = re.compile(r"^    ((?:[A-Z_]+=\S+ )?(?:make|python gpt2/)\b.*)$", re.MULTILINE)
SPAN = re.compile(r"`((?:[A-Z_]+=\S+ )?(?:make|python gpt2/)(?: |\b)[^`]*)`")


def command_lines(page: Path) -> Iterator[str]:
    """Those of the indented blocks and of the code spans of a page, each command by itself."""
    # A line may go on after a backslash.
    text = page.read_text("utf-8").replace("\\\n", " ")
    for found in [*BLOCK.findall(text), *SPAN.findall(text)]:
        line = re.sub(r"\s{2,}#.*", "", found)
        for command in line.split(" && "):
            # Where its output goes is another matter.
            yield re.split(r" [|>] ?", command)[0]


def targets() -> set[str]:
    """Every plain target of the Makefile."""
    text = "".join(path.read_text() for path in (ROOT / "scripts" / "make").glob("*.mk"))
    lines = re.findall(r"^([a-z -]+):", text + (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {target for line in lines for target in line.split()}


def configuration_of(line: str, base: str, tree: Tree) -> Configuration | None:
    """What a line of `make` computes on top of the defconfig `base`; None where that is nothing.

    Raises AssertionError for a target or variable that is not there, ConfigError for a value.
    """
    words = [word for word in shlex.split(line) if word not in ("make", "...", "-j", "-j2")]
    given = [word.partition("=")[::2] for word in words if "=" in word]
    goals = [word for word in words if "=" not in word]
    names = set(tree.symbols) | set(tree.groups) | {"TRACKER", "ABLATION_STEPS", "EPOCHS", "TIME"}
    own = set(EVERYWHERE).union(*(OWN_VARIABLES.get(goal, set()) for goal in goals))
    for name, _ in given:
        assert name in names | own, f"{line}: no variable {name}"
    layers = [read_layer(ROOT / "defconfigs" / base, base)]
    computes = not goals
    for goal in goals:
        if goal.startswith("defconfig-"):
            layers = Catalogue(ROOT).layers(goal.removeprefix("defconfig-"))
            computes = True
        elif goal.startswith("explain-"):
            assert goal.removeprefix("explain-") in names, line
        else:
            assert goal in targets(), f"{line}: no target {goal}"
            computes |= goal in OF_THE_MATRIX
    if not computes:
        return None
    return tree.resolve([*layers, override_layer([pair for pair in given if pair[0] not in own])])
