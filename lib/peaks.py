"""Peak arithmetic and memory bandwidth of GPUs, by the name that torch gives them.

The peak is of dense bfloat16 matrix products with float32 accumulation, in TFLOP/s, as the makers
state it; their larger figures are of 2:4 sparsity or of float16 accumulation. An MFU divides by
it, so a wrong one is worse than none: names are matched whole, and a device that is not here, or
whose makers give no such figure, has no peak. Its runs state their share of a measured matrix
product instead (lib/matmul.py). There is no default: a peak that was assumed for everybody has
led to 104 % of it being reached.

Slices (MIG) and virtual GPUs carry other names than the whole device, so they match nothing.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Peak:
    """What is known of one kind of device."""

    name: str
    """For people: "H100 PCIe"."""
    pattern: str
    """Of the whole device name without its maker, any case."""
    bf16_tflops: float | None
    """Dense bfloat16 TFLOP/s; None where there is none, or none that can be relied on."""
    bandwidth_tb_s: float | None
    """Of its memory, TB/s; None where it was not looked up."""
    note: str
    """What the figure is, and which other figures are not it."""

    @property
    def source(self) -> str:
        """The denominator of an MFU in a line."""
        return f"{self.name}, dense bf16, {self.note}"


_NVIDIA = "NVIDIA data sheet"
_AMD = "AMD data sheet"

PEAKS = (
    Peak("B200", "B200", 2250.0, 8.0, f"{_NVIDIA}; 4500 is 2:4 sparse"),
    Peak("GB200", "GB200", 2500.0, 8.0, _NVIDIA),
    Peak("B300", "B300( SXM6( AC)?)?", 2250.0, 8.0, _NVIDIA),
    Peak("H200 SXM", "H200", 989.0, 4.8, f"{_NVIDIA}; 1979 is 2:4 sparse"),
    Peak("H200 NVL", "H200 NVL", 836.0, 4.8, f"{_NVIDIA}; 989 is the SXM's"),
    Peak("H100 SXM", "H100 80GB HBM3|H100 SXM5( 80GB)?", 989.0, 3.35, f"{_NVIDIA}; 1979 is sparse"),
    Peak("H100 NVL", "H100 NVL", 835.0, None, f"{_NVIDIA}; 989 is the SXM's"),
    Peak("H100 PCIe", "H100 PCIe", 756.0, 2.0, f"{_NVIDIA}; 989 is the SXM's"),
    Peak("H20", "H20", 148.0, 4.0, _NVIDIA),
    Peak("A100 80 GB", "A100-SXM4-80GB|A100 80GB PCIe|A100-PCIE-80GB", 312.0, 2.0,
         f"{_NVIDIA}; 624 is 2:4 sparse"),
    Peak("A100 40 GB", "A100-SXM4-40GB|A100-PCIE-40GB", 312.0, 1.6,
         f"{_NVIDIA}; 624 is 2:4 sparse"),
    Peak("A10", "A10", 125.0, 0.6, _NVIDIA),
    Peak("A10G", "A10G", 70.0, 0.6, f"{_NVIDIA}; 125 is the A10's"),
    Peak("L4", "L4", 121.0, 0.30, f"{_NVIDIA}; 242 is 2:4 sparse"),
    Peak("L40S", "L40S", 362.0, 0.864, _NVIDIA),
    Peak("RTX A6000", "RTX A6000", 154.85, None, _NVIDIA),
    Peak("RTX 5090", "GeForce RTX 5090", 209.5, None, f"{_NVIDIA}; float32 accumulation"),
    Peak("RTX 4090", "GeForce RTX 4090", 165.2, 1.01,
         f"{_NVIDIA}; 330.3 accumulates in float16 or is 2:4 sparse"),
    Peak("RTX 3090", "GeForce RTX 3090", 71.0, None, f"{_NVIDIA}; float32 accumulation"),
    Peak("MI300X", "Instinct MI300X( OAM)?", 1307.4, 5.3, f"{_AMD}; torchtitan takes 1300"),
    Peak("MI325X", "Instinct MI325X( OAM)?", 1307.4, 6.0, _AMD),
    Peak("W7900", "Radeon PRO W7900( Dual Slot)?", 122.6, 0.86, f"{_AMD}; RDNA3 WMMA"),
    # Known, and without a figure to divide by.
    Peak("MI355X", "Instinct MI355X( OAM)?", None, 8.0, "published figures go from 2300 to 2500"),
    Peak("V100 SXM2", "V100-SXM2-(16|32)GB(-LS)?", None, 0.9,
         "125 TFLOP/s are of float16; it has no bfloat16"),
    Peak("V100 PCIe", "V100-PCIE-(16|32)GB", None, 0.9,
         "112 TFLOP/s are of float16; it has no bfloat16"),
    Peak("V100S", "V100S-PCIE-32GB", None, None,
         "130 TFLOP/s are of float16; it has no bfloat16"),
    Peak("GB10", "GB10", None, 0.273, "no official dense figure; about 60 were measured"),
)  # fmt: skip

_MAKER = re.compile(r"^(NVIDIA |AMD |Tesla )*", re.IGNORECASE)


def find_peak(device_name: str) -> Peak | None:
    """What is known of the device that torch calls `device_name`; None for any other."""
    name = _MAKER.sub("", device_name.strip())
    found = [peak for peak in PEAKS if re.fullmatch(peak.pattern, name, re.IGNORECASE)]
    assert len(found) <= 1, f"{device_name} is {[peak.name for peak in found]}"
    return found[0] if found else None


def why_no_mfu(device_name: str) -> str | None:
    """Why a run on this device has no MFU, for people; None where it has one."""
    peak = find_peak(device_name)
    if peak is None:
        return f"no peak is known for {device_name}"
    return None if peak.bf16_tflops is not None else f"{peak.name} has no peak: {peak.note}"


# An MFU above these is a measuring error until somebody explains it. The most that we know to be
# published for models of this class is 0.62, on an A100; for 124M on an H200 the memory traffic
# that remains after fusion leaves 0.63 at the measured rate of matrix products.
PLAUSIBLE_ANYWHERE = 0.85
PLAUSIBLE_SMALL_ON_H200 = 0.63
SMALL_PARAMETERS = 200_000_000


def most_plausible_mfu(device_name: str, parameters: int) -> float:
    """The largest MFU that needs no explanation for a model of so many parameters."""
    peak = find_peak(device_name)
    is_h200 = peak is not None and peak.name.startswith("H200")
    small = is_h200 and parameters < SMALL_PARAMETERS
    return PLAUSIBLE_SMALL_ON_H200 if small else PLAUSIBLE_ANYWHERE
