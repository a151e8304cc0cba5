import collections
import dataclasses
import enum
import io
import pathlib
import random

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.checkpoint.snapshot import HostCopy, plan_copy
from tests.lib.checkpoint.states import equal, make_state

DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.int64, torch.int32, torch.uint16, torch.uint8, torch.bool, torch.float8_e4m3fn),
)


def copied(state, host=None):
    return (host or HostCopy()).take(state, plan_copy(state))


@st.composite
def tensors(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    dtype = draw(st.sampled_from(DTYPES))
    tensor = torch.tensor([draw(st.integers(0, 1000))] * max(1, numpy.prod(shape, dtype=int)))
    tensor = (tensor + torch.arange(len(tensor)))[: numpy.prod(shape, dtype=int)]
    tensor = tensor.reshape(shape).to(dtype)
    return tensor.t() if draw(st.booleans()) and tensor.dim() == 2 else tensor


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text(max_size=4) | st.integers()
STATES = st.dictionaries(
    KEYS,
    st.recursive(
        PLAIN | tensors() | st.sets(st.integers()) | st.complex_numbers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STATES, min_size=1, max_size=3))
def test_a_copy_is_equal_and_loads_again_as_plain_data(states):
    host = HostCopy()
    for state in states:
        copy = copied(state, host)
        assert equal(copy, state)
        buffer = io.BytesIO()
        torch.save(copy, buffer)
        buffer.seek(0)
        assert equal(torch.load(buffer, weights_only=True), state)
        del copy


def test_the_live_tensors_may_change_afterwards():
    state = make_state(7)
    copy = copied(state)
    for tensor in (state["model"]["embedding"], state["model"]["norm"]):
        tensor.fill_(-1)
    state["optimizer"][0]["exp_avg"].zero_()
    state["settings"]["OPTIMIZER"].append("sgd")
    state["seen"].clear()
    assert equal(copy, make_state(7))


def test_tied_tensors_are_copied_once_and_stay_tied():
    weight = torch.randn(100)
    state = {"a": weight, "b": weight, "c": weight.view(100), "other": weight.clone()}
    copy = copied(state)
    assert copy["a"] is copy["b"] is copy["c"]
    assert copy["other"].data_ptr() != copy["a"].data_ptr()
    assert plan_copy(state).bytes == 2 * 448  # 400 bytes each, to the next 64


def test_a_view_brings_only_its_own_elements_and_parts_of_one_memory_stay_apart():
    whole = torch.arange(1000.0)
    copy = copied({"first": whole[:10], "second": whole[10:20], "bits": whole[:10].view(torch.int)})
    assert torch.equal(copy["second"], torch.arange(10.0, 20.0))
    assert copy["first"].untyped_storage().nbytes() == 40
    buffer = io.BytesIO()
    torch.save(copy, buffer)
    assert buffer.tell() < 4000


def test_the_order_in_memory_is_kept_where_it_fills_its_memory():
    transposed = torch.arange(6.0).view(2, 3).t()
    image = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    state = {"t": transposed, "image": image, "gaps": torch.arange(12.0).view(3, 4)[:, ::2]}
    copy = copied(state)
    assert copy["t"].stride() == (1, 3)
    assert copy["image"].stride() == image.stride()
    assert copy["gaps"].stride() == (2, 1)
    assert equal(copy, state)


def test_parameters_become_tensors_and_module_state_loads_again():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    copy = copied({"model": model.state_dict(), "one": model[0].weight})
    assert type(copy["model"]) is dict
    assert type(copy["one"]) is torch.Tensor
    assert not copy["one"].requires_grad
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    other.load_state_dict(copy["model"])
    assert equal(dict(other.state_dict()), dict(model.state_dict()))


def test_a_conjugate_is_written_out():
    value = torch.tensor([1 + 2j, 3 - 1j])
    copy = copied({"plain": value, "conjugate": value.conj(), "negative": value.conj().imag})
    assert copy["conjugate"].tolist() == [1 - 2j, 3 + 1j]
    assert copy["negative"].tolist() == [-2, 1]
    assert not copy["conjugate"].is_conj()


def test_the_memory_of_the_last_copy_is_used_again():
    host = HostCopy()
    first = copied(make_state(1), host)
    place, held = first["model"]["embedding"].data_ptr(), host.bytes
    assert held == plan_copy(make_state(1)).bytes
    del first
    second = copied(make_state(2), host)
    assert second["model"]["embedding"].data_ptr() == place
    assert equal(second, make_state(2))
    del second
    assert equal(copied(make_state(3, elements=5000), host), make_state(3, elements=5000))
    larger = host.bytes
    assert larger > held
    assert equal(copied(make_state(4), host), make_state(4))
    assert host.bytes == larger
    host.release()
    assert host.bytes == 0


def test_reserved_memory_is_what_the_copy_takes():
    host, state = HostCopy(), make_state(1)
    plan = plan_copy(state)
    host.reserve(plan)
    held = host._memory.data_ptr()
    taken = host.take(state, plan)
    assert held <= taken["model"]["embedding"].data_ptr() < held + host.bytes


def test_too_little_memory_is_said(monkeypatch):
    host, state = HostCopy(), make_state(1)

    def fail(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch, "empty", fail)
    with pytest.raises(MemoryError, match=r"no 4\.12 KiB of host memory for the copy"):
        copied(state, host)
    monkeypatch.undo()
    assert equal(copied(state, host), state)


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (numpy.float64(1.5), "numpy.float64"),
        (numpy.zeros(3), "numpy.ndarray"),
        (numpy.random.RandomState(1).get_state(), "numpy.ndarray"),
        (collections.defaultdict(int), "collections.defaultdict"),
        (collections.Counter("ab"), "collections.Counter"),
        (pathlib.Path("x"), "pathlib.PosixPath"),
        (Colour.RED, "Colour"),
        (Point(1), "Point"),
        (Text("x"), "Text"),
        (torch.Size([1]), "torch.Size"),
        (torch.float32, "torch.dtype"),
        (random.Random(1), "random.Random"),
        (len, "builtin_function_or_method"),
        (b"", "bytes"),
        (frozenset({1}), "frozenset"),
    ],
)
def test_what_is_not_plain_is_refused_by_its_place(value, named):
    with pytest.raises(TypeError) as refusal:
        plan_copy({"optimizer": {"state": [1, {"m": (2, value)}]}})
    assert "/optimizer/state/1/m/1" in str(refusal.value)
    assert named in str(refusal.value)


@pytest.mark.parametrize("tensor", [torch.eye(3).to_sparse(), torch.empty(3, device="meta")])
def test_a_tensor_without_dense_data_is_refused(tensor):
    with pytest.raises(TypeError, match="/model/w is not a dense tensor"):
        plan_copy({"model": {"w": tensor}})


def test_keys_are_plain_too():
    with pytest.raises(TypeError, match="the key .* of /groups"):
        plan_copy({"groups": {Colour.RED: 1}})
    with pytest.raises(TypeError, match="holds a tensor"):
        plan_copy({"groups": {torch.ones(1): 1}})


def test_python_s_own_random_state_is_plain():
    state = {"rng": random.Random(3).getstate(), "torch": torch.get_rng_state()}
    assert equal(copied(state), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_tensors_of_a_gpu_come_to_page_locked_memory_whole():
    host = HostCopy()
    for size in (1 << 20, 1 << 22):
        live = torch.arange(size, dtype=torch.float32, device="cuda")
        expected = live.cpu()
        state = {"gpu": live, "t": live.view(2, -1).t(), "host": torch.ones(3)}
        copy = copied(state, host)
        live.add_(1)
        assert host._memory.is_pinned()
        assert copy["gpu"].device.type == "cpu"
        assert torch.equal(copy["gpu"], expected)
        assert torch.equal(copy["t"], expected.view(2, -1).t())
        del copy
