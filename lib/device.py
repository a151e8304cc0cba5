"""Find the device a run asks for, before any data is loaded.

"auto" takes a GPU if there is one. A device that is asked for by name and is not there, or is too
small, stops the run with what was found, what was wanted, and three ways on.
"""

from dataclasses import dataclass

import torch

from lib.cpu import cpu_model

GIB = 1 << 30


class DeviceError(ValueError):
    """The wanted device is not here."""

    exit_status = 69


@dataclass(frozen=True)
class Device:
    """One processor or GPU. `kind` is cpu, cuda or rocm; `torch_name` is what torch calls it."""

    kind: str
    name: str
    memory_bytes: int | None
    count: int
    """Devices that the run uses, not those that are visible: under a lease, one of four GPUs is
    the same machine as a single one."""
    uuid: str | None = None
    """What tells a GPU from its neighbours in the machine; None for a processor."""

    @property
    def torch_name(self) -> str:
        # PyTorch calls an AMD GPU "cuda" too.
        return "cpu" if self.kind == "cpu" else "cuda"

    def __str__(self) -> str:
        memory = f", {self.memory_bytes / GIB:.0f} GiB" if self.memory_bytes else ""
        return f"{self.name} ({self.kind}{memory})"


def gpu_kind() -> str | None:
    """ "cuda" or "rocm" where this PyTorch sees a GPU, else None."""
    if not torch.cuda.is_available():
        return None
    return "rocm" if torch.version.hip else "cuda"


def present_device() -> Device:
    """The best device of this machine: its current GPU (the first visible), or its processor."""
    kind = gpu_kind()
    if kind is None:
        return processor()
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return Device(kind, properties.name, properties.total_memory, 1, str(properties.uuid))


def processor() -> Device:
    return Device("cpu", cpu_model(), None, 1)


def find_device(wanted: str, memory_gib: int) -> Device:
    """The device for `wanted` (auto, cpu, cuda or rocm) with at least `memory_gib` GiB.

    Raises DeviceError if it is not here.
    """
    if wanted == "cpu":
        return processor()
    found = present_device()
    fits = found.memory_bytes is None or found.memory_bytes >= memory_gib * GIB
    if wanted == "auto" or (found.kind == wanted and fits):
        return found
    least = f" with at least {memory_gib} GiB" if memory_gib else ""
    torch_build = f"PyTorch {torch.__version__}"
    raise DeviceError(
        f"DEVICE={wanted} wants a {wanted} GPU{least}; {torch_build} found {found}. Three ways on: "
        "(1) a configuration for this machine, such as `make defconfig-gpt2-shakespeare-cpu`; "
        "(2) the same work here, however slow: `make DEVICE=auto`; "
        "(3) `make doctor`, which says why a GPU that is here is not seen."
    )


def has_bfloat16(device: Device) -> bool:
    """Whether it computes in bfloat16; emulation, many times slower, does not count."""
    if device.kind == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.cuda.is_bf16_supported(including_emulation=False)


def compute_capability(device: Device) -> tuple[int, int] | None:
    """NVIDIA's number for the kind of its processors, such as (9, 0); None for other devices."""
    return torch.cuda.get_device_capability() if device.kind == "cuda" else None


def check_bfloat16(device: Device) -> None:
    """Raise DeviceError where bfloat16 is missing or is emulated, many times slower."""
    if not has_bfloat16(device):
        raise DeviceError(
            f"DTYPE=bfloat16 wants a device with bfloat16 arithmetic; {device} has none. "
            "Take DTYPE=float32, or DTYPE=auto, which asks the device."
        )
