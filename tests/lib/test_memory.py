import mmap
import resource
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib import memory
from lib.memory import (
    MemorySplit,
    host_memory_bytes,
    memory_now,
    memory_split,
    peak_device_memory,
    peak_rss_bytes,
    reset_peak,
    rest_bytes,
    rss_bytes,
    tensor_bytes,
)
from lib.pruning import NoPruning

MIB = 1 << 20


def test_the_split_is_counted_from_the_tensors():
    weight, frozen = (
        nn.Parameter(torch.ones(6, 2)),
        nn.Parameter(torch.ones(5), requires_grad=False),
    )
    half = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimizer = torch.optim.AdamW([weight, half], lr=0.1)
    parameters = [weight, frozen, half, weight]  # a tied parameter comes twice
    assert memory_split(parameters, optimizer, NoPruning()) == MemorySplit(74, 54, 0, 0, 0)
    weight.grad, half.grad = torch.ones_like(weight), torch.ones_like(half)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    masked = SimpleNamespace(mask_bytes=12, score_bytes=34)
    # Two moments like their weights, and a 4-byte step counter each.
    assert memory_split(parameters, optimizer, masked) == MemorySplit(74, 54, 2 * 54 + 8, 12, 34)


def test_bytes_follow_the_dtype():
    tensors = [torch.ones(3, dtype=torch.float64), torch.ones(5, dtype=torch.bool), torch.ones(0)]
    assert tensor_bytes(tensors) == 29


def test_peak_rss_is_in_bytes():
    # An interpreter with torch loaded: 50 MiB in any case, and not a thousand times that.
    assert 50 * MIB < peak_rss_bytes() < 512 * 1024 * MIB


@pytest.mark.parametrize(("unit", "expected"), [(1, 5_000), (1024, 5_120_000)])
def test_the_unit_of_the_system_is_applied(monkeypatch, unit, expected):
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=5_000))
    monkeypatch.setattr(memory, "MAXRSS_UNIT_BYTES", unit)
    assert peak_rss_bytes() == expected


def test_a_processor_has_no_device_peak():
    reset_peak(torch.device("cpu"))
    assert peak_device_memory(torch.device("cpu")) is None


def test_resident_memory_follows_what_is_touched():
    before = rss_bytes()
    assert 50 * MIB < before <= host_memory_bytes()
    # From the kernel itself: the C library may have been told to keep what was freed.
    block = mmap.mmap(-1, 64 * MIB)
    block.write(b"x" * (64 * MIB))
    assert rss_bytes() >= before + 60 * MIB
    assert peak_rss_bytes() >= rss_bytes() - MIB  # the peak is counted in batches of pages
    block.close()
    assert rss_bytes() < before + 32 * MIB


def test_a_system_that_does_not_tell_is_none(monkeypatch):
    def missing(*arguments, **options):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert rss_bytes() is None

    def unknown(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(memory.os, "sysconf", unknown)
    assert host_memory_bytes() is None


SPLIT = MemorySplit(100, 90, 200, 10, 5)


@pytest.mark.parametrize(
    ("peak", "peak_rss", "rest"),
    [
        (1000, 5000, 595),
        (None, 5000, 4595),
        (None, 404, None),  # pages that were never touched are not resident
    ],
)
def test_the_rest_is_the_peak_without_the_split(peak, peak_rss, rest):
    assert SPLIT.total_bytes == 405
    assert rest_bytes(peak, peak_rss, SPLIT) == rest


def test_on_a_processor_only_the_host_is_known():
    now = memory_now(torch.device("cpu"), SPLIT, None)
    assert now.rss_bytes > 50 * MIB
    assert now.rest_bytes == pytest.approx(now.peak_rss_bytes - 405, abs=16 * MIB)
    unknown = (now.allocated_bytes, now.reserved_bytes, now.peak_allocated_bytes)
    assert unknown == (None, None, None)
    assert (now.device_used_bytes, now.process_bytes) == (None, None)


def test_a_peak_is_never_less_than_what_is_there(monkeypatch):
    monkeypatch.setattr(memory, "peak_rss_bytes", lambda: 900)
    monkeypatch.setattr(memory, "rss_bytes", lambda: 1000)
    assert memory_now(torch.device("cpu"), SPLIT, None).peak_rss_bytes == 1000
    monkeypatch.setattr(memory, "rss_bytes", lambda: None)
    now = memory_now(torch.device("cpu"), SPLIT, None)
    assert (now.rss_bytes, now.peak_rss_bytes, now.rest_bytes) == (None, 900, 495)


def test_on_a_gpu_the_allocator_is_asked(monkeypatch):
    answers = {
        "max_memory_allocated": 1000,
        "max_memory_reserved": 2000,
        "memory_allocated": 700,
        "memory_reserved": 1900,
        "mem_get_info": (3000, 8000),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, answer=answer: answer)
    now = memory_now(torch.device("cuda"), SPLIT, 2500)
    assert (now.allocated_bytes, now.reserved_bytes) == (700, 1900)
    assert (now.peak_allocated_bytes, now.peak_reserved_bytes) == (1000, 2000)
    assert (now.device_used_bytes, now.process_bytes, now.rest_bytes) == (5000, 2500, 595)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_device_peaks_start_anew():
    device = torch.device("cuda")
    reset_peak(device)
    before = peak_device_memory(device).allocated_bytes
    block = torch.empty(64 * MIB, dtype=torch.uint8, device=device)
    peak = peak_device_memory(device)
    assert peak.allocated_bytes >= before + 64 * MIB
    assert peak.reserved_bytes >= peak.allocated_bytes
    del block
    reset_peak(device)
    assert peak_device_memory(device).allocated_bytes < peak.allocated_bytes
