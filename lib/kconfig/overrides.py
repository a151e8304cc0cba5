"""Assignments from outside the files: `make MAX_ITERS=200`, `train.py --max-iters 200`.

Both are lines like those of a `.config`, checked by the same code. Make passes only variables of
its own command line (their names in BITTERBENCH_OVERRIDES, their values as lib/given.py says): an
exported DEVICE or MODEL in somebody's environment must not change a run.
"""

import re
from collections.abc import Mapping, Sequence

from lib.given import given
from lib.kconfig.errors import ConfigError, Problem
from lib.kconfig.scan import Assignment, Layer

COMMAND_LINE = "command line"
OVERRIDES_VARIABLE = "BITTERBENCH_OVERRIDES"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def override_layer(pairs: Sequence[tuple[str, str]], label: str = COMMAND_LINE) -> Layer:
    """A layer of (name, value) pairs: symbols in plain text, groups by value."""
    return Layer(
        label, "override", tuple(Assignment(name, value, label, 0) for name, value in pairs)
    )


def overrides_from_environment(environ: Mapping[str, str]) -> Layer:
    """The overrides that Make passes: names in BITTERBENCH_OVERRIDES, values as `given` finds them.

    Raises ConfigError for a name that is listed but not there: a shell hands on no such name.
    """
    pairs: list[tuple[str, str]] = []
    for name in dict.fromkeys(environ.get(OVERRIDES_VARIABLE, "").split()):
        value = given(name, environ)
        if value is None:
            remedy = "write letters, digits and _ only: MAX_ITERS=200"
            raise ConfigError.single(COMMAND_LINE, f"{name} is no name of an option", remedy)
        pairs.append((name, value))
    return override_layer(pairs)


def overrides_from_arguments(argv: Sequence[str]) -> Layer:
    """The assignments of options: `--max-iters 200`, `--max_iters=200`, `--bias`, `--no-bias`.

    An option without a value is y; `--no-x` is `--x n`. An argument that does not begin with `--`
    is the value of the option before it. Raises ConfigError for one that belongs to no option.
    """
    pairs: list[tuple[str, str]] = []
    problems: list[Problem] = []
    arguments = list(argv)
    while arguments:
        argument = arguments.pop(0)
        option, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not _NAME.fullmatch(option):
            what = f"`{argument}` is no option"
            problems.append(Problem(COMMAND_LINE, 0, what, "write --some-option value"))
            continue
        name = option.upper().replace("-", "_")
        if equals:
            pairs.append((name, value))
        elif arguments and not arguments[0].startswith("--"):
            pairs.append((name, arguments.pop(0)))
        elif name.startswith("NO_"):
            pairs.append((name.removeprefix("NO_"), "n"))
        else:
            pairs.append((name, "y"))
    if problems:
        raise ConfigError(problems)
    return override_layer(pairs)
