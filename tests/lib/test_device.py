from types import SimpleNamespace

import pytest
import torch

from lib.device import DeviceError, check_bfloat16, find_device, present_device, processor


@pytest.fixture
def gpu(monkeypatch):
    """gpu(kind, name, gib): this machine has such a GPU."""

    def pretend(kind, name, gib):
        properties = SimpleNamespace(name=name, total_memory=gib << 30, uuid="GPU-2")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
        # Of four visible GPUs the third is the current one.
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
        monkeypatch.setattr(torch.cuda, "get_device_properties", {2: properties}.__getitem__)
        monkeypatch.setattr(torch.version, "hip", "7.0" if kind == "rocm" else None)

    return pretend


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_a_machine_without_a_gpu_trains_on_its_processor(no_gpu, wanted):
    assert find_device(wanted, 0) == processor()
    assert find_device(wanted, 0).torch_name == "cpu"


def test_automatic_takes_the_gpu(gpu):
    gpu("rocm", "AMD Radeon PRO W7900", 45)
    device = find_device("auto", 0)
    assert (device.kind, device.torch_name, device.name) == ("rocm", "cuda", "AMD Radeon PRO W7900")
    # One of the four that are visible: what the others are changes no fingerprint.
    assert (device.count, device.uuid) == (1, "GPU-2")


def test_cpu_is_taken_by_name_beside_a_gpu(gpu):
    gpu("cuda", "NVIDIA L4", 22)
    assert find_device("cpu", 0).kind == "cpu"


@pytest.mark.parametrize(
    ("have", "wanted", "gib"),
    [
        (None, "cuda", 0),
        (None, "rocm", 44),
        (("cuda", "NVIDIA L4", 22), "rocm", 0),
        (("rocm", "AMD Radeon PRO W7900", 45), "cuda", 0),
        (("cuda", "NVIDIA T4", 15), "cuda", 22),
    ],
)
def test_the_wrong_device_is_told_with_three_ways_on(gpu, no_gpu, have, wanted, gib):
    if have is not None:
        gpu(*have)
    with pytest.raises(DeviceError) as caught:
        find_device(wanted, gib)
    message = str(caught.value)
    assert caught.value.exit_status == 69
    assert f"DEVICE={wanted} wants a {wanted} GPU" in message
    assert str(present_device()) in message
    for way in ("(1)", "(2)", "(3)", "make DEVICE=auto", "make doctor"):
        assert way in message


def test_enough_memory_is_enough(gpu):
    gpu("cuda", "NVIDIA L4", 22)
    assert find_device("cuda", 22).memory_bytes == 22 << 30


def test_bfloat16_is_refused_where_it_is_emulated(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    with pytest.raises(DeviceError, match="Take DTYPE=float32"):
        check_bfloat16(processor())
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    check_bfloat16(processor())
