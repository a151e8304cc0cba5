"""The makers' libraries, as fakes with their documented answers; NVIDIA's also as it is."""

import importlib
import os
import sys
from types import SimpleNamespace

import pytest

from lib import gpu
from lib.device import Device, processor
from lib.gpu import NO_FACTS, NOT_LISTED, GpuFacts, open_amd, open_monitor, open_nvidia, pci_address

ADDRESS = "00000000:19:00.0"


class NVMLError(Exception):
    pass


class AmdSmiException(Exception):
    pass


def raising(error):
    def ask(*arguments):
        raise error

    return ask


@pytest.fixture
def nvml(monkeypatch):
    fake = SimpleNamespace(
        NVMLError=NVMLError,
        NVML_CLOCK_SM=1,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByPciBusId=lambda address: f"handle of {address}",
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [
            SimpleNamespace(pid=1, usedGpuMemory=11),
            SimpleNamespace(pid=os.getpid(), usedGpuMemory=2_000_000_000),
        ],
        nvmlSystemGetDriverVersion=lambda: "580.82.07",
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 700_000,
        nvmlDeviceGetMaxClockInfo=lambda handle, kind: 1980 if kind == 1 else 0,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


@pytest.fixture
def smi(monkeypatch):
    addresses = {"first": "0000:05:00.0", "second": "0000:19:00.0"}
    fake = SimpleNamespace(
        AmdSmiException=AmdSmiException,
        AmdSmiClkType=SimpleNamespace(GFX="gfx"),
        amdsmi_init=lambda: None,
        amdsmi_get_processor_handles=lambda: list(addresses),
        amdsmi_get_gpu_device_bdf=addresses.get,
        amdsmi_get_gpu_process_list=lambda handle: [
            {"pid": os.getpid(), "memory_usage": {"vram_mem": 77 if handle == "second" else 0}}
        ],
        amdsmi_get_gpu_driver_info=lambda handle: {"driver_version": "6.12.12"},
        amdsmi_get_clock_info=lambda handle, kind: {"clk": 132, "max_clk": 2100},
    )
    monkeypatch.setitem(sys.modules, "amdsmi", fake)
    return fake


def test_nvidia_tells_of_this_process_and_its_limits(nvml):
    monitor = open_nvidia(ADDRESS)
    assert monitor.process_bytes() == 2_000_000_000
    assert monitor.facts() == GpuFacts("580.82.07", 700.0, 1980)
    assert monitor.reason is None


def test_amd_tells_of_the_gpu_at_the_address(smi):
    monitor = open_amd(ADDRESS)
    assert monitor.process_bytes() == 77
    assert monitor.facts() == GpuFacts("6.12.12", None, 2100)
    assert monitor.reason is None


@pytest.mark.parametrize("which", ["nvml", "smi"])
def test_a_process_that_is_not_listed_is_unknown_and_said(request, which):
    fake = request.getfixturevalue(which)
    fake.nvmlDeviceGetComputeRunningProcesses = lambda handle: []
    fake.amdsmi_get_gpu_process_list = lambda handle: []
    monitor = open_nvidia(ADDRESS) if which == "nvml" else open_amd(ADDRESS)
    assert monitor.process_bytes() is None
    assert monitor.reason == NOT_LISTED


def test_memory_that_is_not_available_is_none(nvml):
    own = SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [own]
    assert open_nvidia(ADDRESS).process_bytes() is None


def test_a_question_that_is_refused_is_none(nvml, smi):
    for name in ("ComputeRunningProcesses", "EnforcedPowerLimit", "MaxClockInfo"):
        setattr(nvml, f"nvmlDeviceGet{name}", raising(NVMLError("Not Supported")))
    nvidia = open_nvidia(ADDRESS)
    assert nvidia.process_bytes() is None
    assert nvidia.facts() == GpuFacts("580.82.07", None, None)
    for name in ("gpu_process_list", "gpu_driver_info", "clock_info"):
        setattr(smi, f"amdsmi_get_{name}", raising(AmdSmiException("refused")))
    amd = open_amd(ADDRESS)
    assert amd.process_bytes() is None
    assert amd.facts() == NO_FACTS


def test_a_library_that_does_not_start_is_a_reason(nvml, smi):
    nvml.nvmlInit = raising(NVMLError("Driver Not Loaded"))
    assert open_nvidia(ADDRESS).reason == "NVML: Driver Not Loaded"
    smi.amdsmi_init = raising(AmdSmiException("no driver"))
    assert open_amd(ADDRESS).reason == "amdsmi: no driver"


def test_a_gpu_that_the_library_does_not_know_is_a_reason(smi):
    assert open_amd("00000000:42:00.0").reason == "amdsmi knows no GPU at 00000000:42:00.0"


@pytest.mark.parametrize(("name", "open_it"), [("pynvml", open_nvidia), ("amdsmi", open_amd)])
def test_a_missing_library_is_a_reason(monkeypatch, name, open_it):
    monkeypatch.setitem(sys.modules, name, None)
    monitor = open_it(ADDRESS)
    assert monitor.reason
    assert (monitor.process_bytes(), monitor.facts()) == (None, NO_FACTS)


def test_the_real_nvidia_library_without_a_driver(monkeypatch):
    nvml = pytest.importorskip("pynvml")
    if gpu.torch.cuda.is_available():
        pytest.skip("there is a driver")
    # As fresh as in a run: an earlier failure to load is remembered by the module.
    importlib.reload(nvml)
    assert open_nvidia(ADDRESS).reason.startswith("NVML: ")


def test_a_processor_is_silent():
    monitor = open_monitor(processor())
    assert (monitor.process_bytes(), monitor.facts()) == (None, NO_FACTS)


@pytest.mark.parametrize("kind", ["cuda", "rocm"])
def test_the_gpu_of_torch_is_found_by_its_address(monkeypatch, nvml, smi, kind):
    properties = SimpleNamespace(pci_domain_id=0, pci_bus_id=0x19, pci_device_id=0)
    monkeypatch.setattr(gpu.torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(gpu.torch.cuda, "get_device_properties", {3: properties}.__getitem__)
    assert pci_address(properties) == ADDRESS
    monitor = open_monitor(Device(kind, "a GPU", 1 << 30, 1))
    assert monitor.process_bytes() == (2_000_000_000 if kind == "cuda" else 77)
