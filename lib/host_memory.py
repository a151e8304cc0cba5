"""How much memory this machine, and this process's share of it, has. Knows no torch."""

from dataclasses import dataclass
from pathlib import Path

from lib.cgroup import SYSTEM, free_memory_bytes, memory_limit_bytes

KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Bytes of a machine or a GPU."""

    total_bytes: int
    free_bytes: int
    """What can be taken at this moment."""


def host_memory(root: Path = SYSTEM) -> Memory | None:
    """Of this machine, within the limits of a container; None on a system that does not tell.

    `root` is "/" but in tests.
    """
    total = _smallest(memory_limit_bytes(root), _of_machine("MemTotal", root))
    free = available_bytes(root)
    return None if total is None or free is None else Memory(total, free)


def available_bytes(root: Path = SYSTEM) -> int | None:
    """Bytes that can be taken without swapping, within the limits of a container.

    `MemAvailable` of Linux, which counts the pages of files that can be dropped. None on a system
    that does not tell. `root` is "/" but in tests.
    """
    return _smallest(free_memory_bytes(root), _of_machine("MemAvailable", root))


def _smallest(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _of_machine(wanted: str, root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) * KIB
    return None
