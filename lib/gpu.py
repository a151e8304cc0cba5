"""What only the maker's library tells of a GPU: this process's memory, driver, limits.

NVIDIA: nvidia-ml-py (module pynvml); AMD: amdsmi, which comes with ROCm. Both are optional. Where
one is missing, refuses, or does not know this process (a container has process numbers of its
own), the answer is None and `reason` says why, once, for the log: never a guess, never an error.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from lib.device import Device

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class GpuFacts:
    """What stays as it is while a run lasts; None where it is not told."""

    driver: str | None
    power_limit_w: float | None
    max_clock_mhz: int | None
    """Of the multiprocessors (AMD: of the graphics engine)."""


class Monitor(Protocol):
    """Answers for the one GPU of this run."""

    reason: str | None
    """Why there are no answers, as far as is known; None where there are."""

    def process_bytes(self) -> int | None:
        """Memory of the GPU that this process takes, its context and libraries included."""
        ...

    def facts(self) -> GpuFacts: ...


NOT_LISTED = "the driver does not list this process, as in a container"
NO_FACTS = GpuFacts(driver=None, power_limit_w=None, max_clock_mhz=None)


class Silent:
    """Knows nothing, and why."""

    def __init__(self, reason: str) -> None:
        self.reason: str | None = reason

    def process_bytes(self) -> int | None:
        return None

    def facts(self) -> GpuFacts:
        return NO_FACTS


class Nvidia:
    """By nvidia-ml-py."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self.reason: str | None = None
        self._nvml = nvml
        self._handle = handle

    def process_bytes(self) -> int | None:
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, self._handle) or ()
        own = [process for process in processes if process.pid == os.getpid()]
        if not own:
            self.reason = NOT_LISTED
            return None
        # Windows lists processes without their memory.
        return own[0].usedGpuMemory

    def facts(self) -> GpuFacts:
        nvml, handle = self._nvml, self._handle
        milliwatts = self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        return GpuFacts(
            driver=self._ask(nvml.nvmlSystemGetDriverVersion),
            power_limit_w=milliwatts and milliwatts / 1e3,
            max_clock_mhz=self._ask(
                nvml.nvmlDeviceGetMaxClockInfo, self._handle, nvml.NVML_CLOCK_SM
            ),
        )

    def _ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer | None:
        try:
            return question(*arguments)
        except self._nvml.NVMLError:
            return None


class Amd:
    """By amdsmi."""

    def __init__(self, smi: Any, handle: Any) -> None:
        self.reason: str | None = None
        self._smi = smi
        self._handle = handle

    def process_bytes(self) -> int | None:
        processes = self._ask(self._smi.amdsmi_get_gpu_process_list, self._handle) or ()
        # Before ROCm 6 the list held opaque handles.
        own = [p for p in processes if isinstance(p, dict) and p.get("pid") == os.getpid()]
        if not own:
            self.reason = NOT_LISTED
            return None
        return own[0]["memory_usage"]["vram_mem"]

    def facts(self) -> GpuFacts:
        smi = self._smi
        driver = self._ask(smi.amdsmi_get_gpu_driver_info, self._handle) or {}
        clock = self._ask(smi.amdsmi_get_clock_info, self._handle, smi.AmdSmiClkType.GFX) or {}
        # The unit of its power limit has changed between releases, so that is left out.
        return GpuFacts(driver.get("driver_version"), None, clock.get("max_clk"))

    def _ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer | None:
        try:
            return question(*arguments)
        except self._smi.AmdSmiException:
            return None


def open_monitor(device: Device) -> Monitor:
    """The monitor of the GPU that torch uses; a silent one where there is none to ask."""
    if device.kind == "cpu":
        return Silent("a processor has no memory of its own")
    address = pci_address(torch.cuda.get_device_properties(torch.cuda.current_device()))
    return open_nvidia(address) if device.kind == "cuda" else open_amd(address)


def pci_address(properties: Any) -> str:
    """ "00000000:19:00.0" of torch's device properties: what both libraries know a GPU by,
    whatever CUDA_VISIBLE_DEVICES makes of its number."""
    domain, bus, device = (
        properties.pci_domain_id,
        properties.pci_bus_id,
        properties.pci_device_id,
    )
    return f"{domain:08x}:{bus:02x}:{device:02x}.0"


def open_nvidia(address: str) -> Monitor:
    """Ask NVML for the GPU at this PCI address."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return Silent("nvidia-ml-py is not installed")
    try:
        nvml.nvmlInit()
        return Nvidia(nvml, nvml.nvmlDeviceGetHandleByPciBusId(address))
    except nvml.NVMLError as error:
        return Silent(f"NVML: {error}")


def open_amd(address: str) -> Monitor:
    """Ask amdsmi for the GPU at this PCI address."""
    try:
        smi = importlib.import_module("amdsmi")
    except (ImportError, OSError, KeyError) as error:
        # It loads its library as it is imported, and fails in its own ways without ROCm.
        return Silent(f"amdsmi is not usable: {error}")
    try:
        smi.amdsmi_init()
        for handle in smi.amdsmi_get_processor_handles():
            # It writes the domain with four digits.
            if address.endswith(smi.amdsmi_get_gpu_device_bdf(handle)):
                return Amd(smi, handle)
    except smi.AmdSmiException as error:
        return Silent(f"amdsmi: {error}")
    return Silent(f"amdsmi knows no GPU at {address}")
