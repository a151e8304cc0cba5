"""How much memory a GPU of this machine has, without PyTorch: the plan of a matrix asks too.

NVIDIA's driver answers through nvidia-smi, AMD's through files. Where neither does, or nothing that
is installed here could use it, the answer is None: never a guess.
"""

import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lib.cgroup import SYSTEM
from lib.host_memory import Memory

MIB = 1 << 20
PATIENCE_S = 10.0

# By kind of GPU, how builds of PyTorch for other devices begin after the plus of their version.
OTHER_BUILDS = {"cuda": ("cpu", "rocm", "xpu"), "rocm": ("cpu", "cu", "xpu")}


def torch_build() -> str:
    """What the version of the installed PyTorch has after the plus, such as "cpu"; "" for none."""
    try:
        return version("torch").partition("+")[2]
    except PackageNotFoundError:
        return ""


def gpu_memory(
    kind: str, environ: Mapping[str, str] = os.environ, root: Path = SYSTEM
) -> Memory | None:
    """Of the GPU that a run with DEVICE=`kind` (auto, cuda or rocm) would take.

    Where several differ, of the largest, so that whoever refuses by it is right. `root` is "/" but
    in tests.
    """
    build = torch_build()
    found: list[Memory] = []
    if kind in ("auto", "cuda") and not build.startswith(OTHER_BUILDS["cuda"]):
        found = _nvidia(environ.get("CUDA_VISIBLE_DEVICES"))
    if not found and kind in ("auto", "rocm") and not build.startswith(OTHER_BUILDS["rocm"]):
        found = _amd(root)
    return max(found, key=lambda memory: memory.total_bytes, default=None)


def _nvidia(visible: str | None) -> list[Memory]:
    command = [
        "nvidia-smi",
        "--query-gpu=memory.total,memory.free",
        "--format=csv,noheader,nounits",
    ]
    if visible is not None:
        first = visible.split(",")[0].strip()
        if first in ("", "-1"):
            return []
        # A number, or what identifies a GPU: nvidia-smi takes both.
        command.append(f"--id={first}")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        rows = [line.split(",") for line in done.stdout.splitlines()]
        return [Memory(int(total) * MIB, int(free) * MIB) for total, free in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def _amd(root: Path) -> list[Memory]:
    found = []
    for path in sorted(root.glob("sys/class/drm/card*/device/mem_info_vram_total")):
        try:
            total = int(path.read_text("ascii"))
            used = int(path.with_name("mem_info_vram_used").read_text("ascii"))
        except (OSError, ValueError):
            continue
        found.append(Memory(total, total - used))
    return found
