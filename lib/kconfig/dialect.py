"""Keeps our Kconfig files inside the language that the kernel's own tools read too.

kconfiglib accepts more than that: then `mconf` on the same tree would stop at a line that works
here. What kconfiglib itself refuses needs no mention.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from lib.kconfig.errors import Problem

_FOREIGN = (
    (re.compile(r'\s*[or]{1,2}source\s+"'), 'write source "path/from/the/root"'),
    (re.compile(r'\s*source\s+"[^"]*[*?\[]'), "name each file"),
    (re.compile(r"\s*def_(?:int|hex|string)\s"), "write the type and `default` on two lines"),
)


def dialect_problems(root: Path, files: Iterable[str]) -> list[Problem]:
    """Every line that only kconfiglib understands. `files` are relative to `root`."""
    problems = []
    for name in files:
        for number, line in enumerate((root / name).read_text("utf-8").splitlines(), 1):
            for pattern, remedy in _FOREIGN:
                if pattern.match(line):
                    what = f"`{line.strip()}` is no standard Kconfig"
                    problems.append(Problem(name, number, what, remedy))
    return problems
