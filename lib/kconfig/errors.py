"""What can be wrong with a configuration, as text a person can act on.

A check never stops at its first finding: problems are collected, sorted by place and raised
together, so that one look at the terminal mends them all.
"""

from collections.abc import Iterable
from dataclasses import dataclass


def shown(text: str, width: int = 60) -> str:
    """A text from a file, fit for a terminal: one line, no control characters, not endless."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= width else plain[: width - 3] + "..."


@dataclass(frozen=True, order=True)
class Problem:
    """One finding: where, what was asked and what it became, and how to mend it.

    `line` is 0 where a place has no lines (the command line, a folder).
    """

    file: str
    line: int
    what: str
    remedy: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.place}: {shown(self.what, 500)}; {shown(self.remedy, 500)}"


class ConfigError(ValueError):
    """A configuration that is refused; `exit_status` is what a command ends with."""

    exit_status = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        assert self.problems, "an error without a problem"
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def single(cls, file: str, what: str, remedy: str, line: int = 0) -> "ConfigError":
        """An error of one problem."""
        return cls([Problem(file, line, what, remedy)])


class NoConfig(ConfigError):
    """There is no configuration yet: not a mistake, but nothing can be done either."""

    exit_status = 1


def no_config(path: str) -> NoConfig:
    """The one sentence for a missing `.config`, with the two commands that make one."""
    remedy = "make one with `make menuconfig` or `make defconfig-NAME`"
    return NoConfig([Problem(path, 0, "there is no configuration yet", remedy)])
