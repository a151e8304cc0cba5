"""Names as torch prints them, and names that look like them."""

import pytest

from lib.peaks import PEAKS, find_peak, most_plausible_mfu, why_no_mfu

KNOWN = {
    "NVIDIA B200": 2250,
    "NVIDIA GB200": 2500,
    "NVIDIA B300 SXM6 AC": 2250,
    "NVIDIA H200": 989,
    "NVIDIA H200 NVL": 836,
    "NVIDIA H100 80GB HBM3": 989,
    "NVIDIA H100 NVL": 835,
    "NVIDIA H100 PCIe": 756,
    "NVIDIA H20": 148,
    "NVIDIA A100-SXM4-80GB": 312,
    "NVIDIA A100-SXM4-40GB": 312,
    "A100-SXM4-40GB": 312,
    "NVIDIA A100-PCIE-40GB": 312,
    "NVIDIA A100 80GB PCIe": 312,
    "NVIDIA A10": 125,
    "NVIDIA A10G": 70,
    "NVIDIA L4": 121,
    "NVIDIA L40S": 362,
    "NVIDIA RTX A6000": 154.85,
    "NVIDIA GeForce RTX 5090": 209.5,
    "NVIDIA GeForce RTX 4090": 165.2,
    "NVIDIA GeForce RTX 3090": 71,
    "AMD Instinct MI300X": 1307.4,
    "AMD Instinct MI300X OAM": 1307.4,
    "AMD Instinct MI325X": 1307.4,
    "AMD Radeon PRO W7900": 122.6,
    "AMD Radeon Pro W7900": 122.6,
    "AMD Radeon PRO W7900 Dual Slot": 122.6,
}

# Known, and without a peak.
WITHOUT = (
    *("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB", "Tesla V100-PCIE-16GB"),
    *("Tesla V100S-PCIE-32GB", "NVIDIA GB10", "AMD Instinct MI355X"),
)

# Other chips, other power, fewer units, or a part of one: each has an own rate.
NEAR_MISSES = (
    *("NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D"),
    *("NVIDIA GeForce RTX 3090 Ti", "NVIDIA GeForce RTX 5090 D", "NVIDIA GeForce RTX 3080"),
    *("NVIDIA RTX 6000 Ada Generation", "NVIDIA A100-SXM-64GB", "NVIDIA A100X"),
    *("NVIDIA A800-SXM4-80GB", "NVIDIA H800", "NVIDIA H20-3e", "NVIDIA L40", "NVIDIA L20"),
    *("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A100-SXM4-80GB MIG 3g.40gb", "GRID A100-10C"),
    *("NVIDIA H100 80GB HBM2e", "NVIDIA H100", "NVIDIA GH200 480GB", "NVIDIA GB300", "NVIDIA A16"),
    *("AMD Instinct MI300A", "AMD Instinct MI300X VF", "AMD Instinct MI308X"),
    *("AMD Instinct MI250X / MI250", "AMD Radeon PRO W7800", "AMD Radeon Pro W7900D"),
    *("AMD Radeon RX 7900 XTX", "Tesla T4", "Tesla P100-PCIE-16GB", "NVIDIA", "", "AMD EPYC"),
    *("AMD EPYC 9654 96-Core Processor", "Intel(R) Xeon(R) Platinum 8480+", "Apple M2"),
)


@pytest.mark.parametrize(("name", "tflops"), KNOWN.items())
def test_peaks_by_the_whole_name(name, tflops):
    assert find_peak(name).bf16_tflops == tflops
    assert why_no_mfu(name) is None


@pytest.mark.parametrize("name", WITHOUT)
def test_devices_that_have_no_peak_say_why(name):
    assert find_peak(name).bf16_tflops is None
    assert find_peak(name).note in why_no_mfu(name)


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_unknown_is_none_and_never_a_default(name):
    assert find_peak(name) is None
    assert why_no_mfu(name) == f"no peak is known for {name}"


def test_every_entry_is_met_by_a_real_name():
    assert {find_peak(name).name for name in (*KNOWN, *WITHOUT)} == {p.name for p in PEAKS}


@pytest.mark.parametrize("wrong", [1979.0, 4500.0, 624.0, 330.3, 242.0, 1300.0])
def test_no_peak_is_a_sparse_or_rounded_one(wrong):
    assert wrong not in {peak.bf16_tflops for peak in PEAKS}


def test_a_source_says_what_the_figure_is():
    assert find_peak("NVIDIA H200").source == (
        "H200 SXM, dense bf16, NVIDIA data sheet; 1979 is 2:4 sparse"
    )


@pytest.mark.parametrize(
    ("name", "parameters", "limit"),
    [
        ("NVIDIA H200", 124_475_904, 0.63),
        ("NVIDIA H200", 1_558_000_000, 0.85),
        ("NVIDIA A100-SXM4-80GB", 124_475_904, 0.85),
        ("AMD EPYC", 124_475_904, 0.85),
    ],
)
def test_what_needs_an_explanation(name, parameters, limit):
    assert most_plausible_mfu(name, parameters) == limit
