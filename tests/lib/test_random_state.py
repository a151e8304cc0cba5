import random

import numpy as np
import pytest
import torch

from lib import random_state as streams
from lib.random_state import device_generator, random_state, restore_random_state


def draws():
    return (
        torch.rand(3).tolist(),
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.standard_normal(3).tolist(),
    )


def test_the_global_streams_continue_where_they_were_saved(tmp_path):
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    # An odd number of normal deviates: both libraries keep the second of a pair for the next call.
    draws()
    # Through a file, as a checkpoint goes.
    torch.save(random_state("cpu"), tmp_path / "streams.pt")
    wanted = draws()
    draws()
    restore_random_state(torch.load(tmp_path / "streams.pt", weights_only=True), "cpu")
    assert draws() == wanted


@pytest.mark.parametrize("stream", ["torch", "python", "numpy"])
def test_each_stream_counts(stream):
    before = random_state("cpu")
    wanted = draws()
    others = {name: value for name, value in before.items() if name != stream}
    restore_random_state(random_state("cpu") | others, "cpu")
    assert draws() != wanted


def test_of_the_gpus_only_the_used_one_counts(monkeypatch):
    """A run that began with four visible GPUs goes on under a lease of one."""
    used = torch.Generator().manual_seed(7)
    monkeypatch.setattr(streams, "device_generator", lambda device: used)
    saved = random_state("cuda")
    wanted = torch.rand(3, generator=used)
    restore_random_state(saved, "cuda")
    assert torch.equal(torch.rand(3, generator=used), wanted)


@pytest.mark.parametrize("entry", [{"cuda": [torch.zeros(16)] * 2}, {"device": None}])
def test_another_device_and_a_state_of_before_leave_the_stream_of_the_gpu(monkeypatch, entry):
    def untouched(device):
        raise AssertionError("the stream of the GPU was asked for")

    saved = random_state("cpu")
    del saved["device"]
    monkeypatch.setattr(streams, "device_generator", untouched)
    restore_random_state(saved | entry, "cuda")


def test_the_generator_is_that_of_the_current_device(monkeypatch):
    assert device_generator("cpu") is torch.default_generator
    monkeypatch.setattr(torch.cuda, "default_generators", ("first", "second"))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert device_generator("cuda") == "second"
