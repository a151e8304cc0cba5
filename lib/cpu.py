"""The processor: its name, and the cores that are ours. Knows no torch: the plan asks too.

`root` is "/" but in tests.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from lib.cgroup import SYSTEM, cpu_quota


def usable_cores(root: Path = SYSTEM) -> int:
    """How many threads this process can keep busy: what a run takes where CPU_THREADS is 0.

    The physical cores of its affinity mask, and no more than a container's quota of processor
    time. The second hardware thread of a core adds nothing to matrix products, which already fill
    its arithmetic units; threads beyond a quota are stopped in turn, and the others wait for them.
    """
    cores = physical_cores(affinity(), root)
    quota = cpu_quota(root)
    return cores if quota is None else max(1, min(cores, int(quota)))


def affinity() -> frozenset[int]:
    """The numbers of the processors (hardware threads) that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def physical_cores(processors: Iterable[int], root: Path = SYSTEM) -> int:
    """The number of different cores among hardware threads; each its own where Linux is silent."""
    return len({_core(number, root) for number in processors})


def _core(number: int, root: Path) -> str:
    """A name of the core that a hardware thread belongs to: the list of all its threads."""
    topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
    # The first is the name since Linux 5.3, the second the older one.
    for name in ("core_cpus_list", "thread_siblings_list"):
        try:
            return (topology / name).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
    return str(number)


def has_bfloat16_products(root: Path = SYSTEM) -> bool:
    """Whether the processor multiplies in bfloat16, as far as Linux says it; what PyTorch asks the
    processor itself (lib/device.py)."""
    try:
        text = (root / "proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return False
    flags = {
        word for line in text.splitlines() if line.startswith("flags") for word in line.split()
    }
    return bool(flags & {"avx512_bf16", "amx_tile"})


def cpu_model() -> str:
    """The processor's name for people; "unknown processor" where the system does not tell."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown processor"
