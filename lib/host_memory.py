"""How much memory this machine, and this process's share of it, has left. Knows no torch."""

from pathlib import Path

from lib.cgroup import SYSTEM, free_memory_bytes

KIB = 1024


def available_bytes(root: Path = SYSTEM) -> int | None:
    """Bytes that can be taken without swapping, within the limits of a container.

    `MemAvailable` of Linux, which counts the pages of files that can be dropped. None on a system
    that does not tell. `root` is "/" but in tests.
    """
    known = [free_memory_bytes(root), _of_machine(root)]
    return min((number for number in known if number is not None), default=None)


def _of_machine(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * KIB
    return None
