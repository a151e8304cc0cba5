"""Choices and matrix axes: several bools that people think of as one setting.

A choice group is a Kconfig choice; it is named by the prefix that its members share, up to the
last common `_`: DEVICE_AUTO and DEVICE_CPU make DEVICE. An axis group is the set of bools whose
help says `Axis: NAME`; every enabled member is an arm of the matrix. The value of a member is the
rest of its name in lower case with `-` for `_`: MODEL_GPT2_MEDIUM is "gpt2-medium".
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Group:
    """A choice or an axis; `members` and `values` in tree order, one to one."""

    name: str
    kind: Literal["choice", "axis"]
    members: tuple[str, ...]
    is_relevant: bool
    neutral: str | None
    """The value of a choice at which it changes no result and is not hashed; or None."""
    file: str
    line: int
    prompt: str

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(map(self.value_of, self.members))

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def value_of(self, member: str) -> str:
        """MODEL_GPT2_MEDIUM -> gpt2-medium."""
        return member.removeprefix(f"{self.name}_").lower().replace("_", "-")

    def member_of(self, value: str) -> str | None:
        """The member with this value (any case; `-`, `:` and `_` alike), or None."""
        wanted = f"{self.name}_{value.strip().upper().replace('-', '_').replace(':', '_')}"
        return wanted if wanted in self.members else None


def choice_group_name(members: Sequence[str]) -> str | None:
    """The shared prefix of a choice's members, or None if they share none.

    The prefix ends before a `_`, even if one member is the beginning of another: of MODEL_GPT2 and
    MODEL_GPT2_MEDIUM it is MODEL.
    """
    prefix = os.path.commonprefix(list(members))
    name, underscore, _ = prefix.rpartition("_")
    return name if underscore and name else None
