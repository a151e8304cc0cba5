"""Under which conditions something was measured, and whether the machine was quiet enough."""

import os
import platform
import re
import statistics
import subprocess
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import torch

from lib.cpu import affinity, cpu_model, usable_cores

# Of the cores, busy with something else: on two cores, half a process. More, and a thread of a
# team waits for a core at every synchronisation of the team.
BUSY_SHARE = 0.25
CPUINFO = Path("/proc/cpuinfo")
STAT = Path("/proc/stat")
LOOK_S = 2.0


@dataclass(frozen=True)
class Conditions:
    """The machine when a measurement begins."""

    day: date
    where: str
    """The device and the number of threads."""
    load: float | None
    """Cores that others kept busy before anything was measured; None where nobody counts."""
    cores: int

    @classmethod
    def now(cls, device: torch.device, load: float | None) -> Self:
        return cls(date.today(), where(device), load, usable_cores())

    @property
    def is_busy(self) -> bool:
        return self.load is not None and self.load > BUSY_SHARE * self.cores

    @property
    def load_sentence(self) -> str:
        if self.load is None:
            return "what else the machine did is not known"
        said = f"{self.load:.2f} of {self.cores} cores in other use at the start"
        busy = "**the machine was busy with something else, so these figures are void**"
        return f"{said}: {busy}" if self.is_busy else said

    def sentence(self, command: str) -> str:
        """For the page: when, by which command, on what, and how busy it was."""
        return (
            f"Measured on {self.day:%Y-%m-%d} by `{command}` on {self.where}; {versions()}; "
            f"{self.load_sentence}."
        )


def cores_in_use() -> float | None:
    """Cores among ours that are busy now, looked at for two seconds; None where nobody counts.

    The load average, taken where the system says nothing better, also counts what waits for a disk
    or sleeps in the kernel: on a virtual machine that did nothing it read 1.0 for hours.
    """
    before = _times()
    if before is None:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    time.sleep(LOOK_S)
    after = _times() or before
    idle, total = (late - early for late, early in zip(after, before, strict=True))
    return usable_cores() * (1 - idle / total) if total else 0.0


def _times() -> tuple[int, int] | None:
    """Ticks (idle, all) of the processors that we may run on; None where Linux does not count."""
    try:
        lines = STAT.read_text("ascii").splitlines()
    except OSError:
        return None
    ours = {f"cpu{number}" for number in affinity()}
    ticks = [[int(n) for n in line.split()[1:9]] for line in lines if line.split()[0] in ours]
    # user nice system idle iowait irq softirq steal; a guest's time is in user already.
    return sum(each[3] + each[4] for each in ticks), sum(map(sum, ticks))


def where(device: torch.device) -> str:
    """The device by its name, and the threads of this process."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{cpu_model()}, {torch.get_num_threads()} threads"


def versions() -> str:
    return f"PyTorch {torch.__version__}, Python {platform.python_version()}"


def clock_speed(device: torch.device) -> str | None:
    """Clock (and of a GPU the temperature) at this moment, for people; None where not known."""
    if device.type == "cuda":
        return _gpu_state(device)
    try:
        found = re.findall(r"^cpu MHz\s*:\s*([0-9.]+)", CPUINFO.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return None
    return f"{statistics.fmean(map(float, found)):,.0f} MHz" if found else None


def _gpu_state(device: torch.device) -> str | None:
    query = "--query-gpu=clocks.sm,temperature.gpu,power.draw"
    number = str(device.index or 0)
    command = ["nvidia-smi", query, "--format=csv,noheader", f"--id={number}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    clock, celsius, power = (cell.strip() for cell in done.stdout.split(","))
    return f"{clock}, {celsius} C, {power}"
