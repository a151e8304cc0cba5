"""Under which conditions something was measured, and whether the machine was quiet enough."""

import os
import platform
import re
import statistics
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import torch

from lib.cpu import cpu_model, usable_cores

# Of the cores, busy with something else: on two cores, half a process. More, and a thread of a
# team waits for a core at every synchronisation of the team.
BUSY_SHARE = 0.25
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Conditions:
    """The machine when a measurement begins."""

    day: date
    where: str
    """The device and the number of threads."""
    load: float | None
    """Processes that wanted to run before anything was measured; None where nobody counts."""
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
            return "load average not known"
        said = f"load average {self.load:.2f} on {self.cores} cores at the start"
        busy = "**the machine was busy with something else, so these figures are void**"
        return f"{said}: {busy}" if self.is_busy else said

    def sentence(self, command: str) -> str:
        """For the page: when, by which command, on what, and how busy it was."""
        return (
            f"Measured on {self.day:%Y-%m-%d} by `{command}` on {self.where}; {versions()}; "
            f"{self.load_sentence}."
        )


def load_average() -> float | None:
    """Processes that wanted to run, the mean of the last minute; None where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


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
