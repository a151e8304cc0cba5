"""Limits that a container or a scheduler sets on this process: Linux control groups.

A limit of any folder between the process's own group and the root of the hierarchy counts, so
each is read. Version 2 has one hierarchy, version 1 one for each controller; both are found in
/proc/self/cgroup (man 7 cgroups). In a container the path named there may not be mounted; then
the folders above it are what can be seen. `root` is "/" but in tests. Knows no torch.
"""

from collections.abc import Iterator
from pathlib import Path

SYSTEM = Path("/")


def cpu_quota(root: Path = SYSTEM) -> float | None:
    """How many processors' worth of time this process may use; None where nothing limits it."""
    quotas = []
    for folder in folders("cpu", root):
        # "150000 100000": microseconds of processor time in each period; "max": no limit.
        words = (_text(folder / "cpu.max") or "").split()
        old = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        quota, period = words if len(words) == 2 else old
        if quota and period and quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def free_memory_bytes(root: Path = SYSTEM) -> int | None:
    """What the limits leave of memory to this process; None where nothing limits it.

    Pages of files count as used here, although the kernel would give them back: an estimate on
    the safe side.
    """
    return min((limit - used for limit, used in _memory(root)), default=None)


def memory_limit_bytes(root: Path = SYSTEM) -> int | None:
    """The most memory that the limits give to this process; None where nothing limits it."""
    return min((limit for limit, _ in _memory(root)), default=None)


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """Each limit, and what is used of it, no more than all."""
    for folder in folders("memory", root):
        for limit_name, used_name in _MEMORY_FILES:
            limit, used = _text(folder / limit_name), _text(folder / used_name)
            # Version 1 says "no limit" as a number near 2^63.
            if limit and used and limit.isdigit() and used.isdigit() and int(limit) < 1 << 60:
                yield int(limit), min(int(used), int(limit))


_MEMORY_FILES = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def folders(controller: str, root: Path = SYSTEM) -> Iterator[Path]:
    """The folders whose limits on `controller` hold for this process, its own group first."""
    mount = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            top = mount
        elif controller in controllers.split(","):
            joined = mount / controllers
            top = joined if joined.is_dir() else mount / controller
        else:
            continue
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_dir():
                yield folder
            if folder == top:
                break


def _text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
