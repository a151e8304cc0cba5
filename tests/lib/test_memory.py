import resource
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib import memory
from lib.memory import (
    MemorySplit,
    memory_split,
    peak_device_memory,
    peak_rss_bytes,
    reset_peak,
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
