import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.norms import PIECE, partial_norms, total_norm


def exact(tensors):
    return sum(float(tensor.double().square().sum()) for tensor in tensors) ** 0.5


def error(tensors):
    return abs(float(total_norm(tensors)) / exact(tensors) - 1)


@pytest.fixture(scope="module")
def large():
    """A gradient as large as GPT-2's token embedding: torch's own norm is 2.7e-3 off."""
    return torch.randn(50304, 768, generator=torch.Generator().manual_seed(0)) * 1e-3


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shards", [1, 2, 4])
def test_a_large_tensor_has_its_norm_however_it_is_cut(large, threads, shards):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert error(list(large.chunk(shards))) < 5e-7
    finally:
        torch.set_num_threads(before)


def test_threads_change_no_bit(large):
    before = torch.get_num_threads()
    norms = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        norms.append(total_norm([large[:1000], large[1000:1001]]))
    torch.set_num_threads(before)
    assert torch.equal(*norms)


sizes = st.lists(st.integers(0, 3 * PIECE), max_size=4)
kinds = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])


@settings(max_examples=40)
@given(sizes, kinds, st.floats(-15, 15), st.integers(0, 99))
def test_any_tensors(lengths, dtype, exponent, seed):
    generator = torch.Generator().manual_seed(seed)
    scale = 2.0 ** (exponent if dtype != torch.float16 else exponent / 3)
    tensors = [(torch.randn(n, generator=generator) * scale).to(dtype) for n in lengths]
    norm = total_norm(tensors)
    assert norm.shape == ()
    is_double = dtype == torch.float64 and bool(lengths)
    assert norm.dtype == (torch.float64 if is_double else torch.float32)
    # Half precision is cast element by element, and summed by fewer lanes.
    tolerance = {torch.float64: 1e-12, torch.float32: 5e-7}.get(dtype, 2e-6)
    assert float(norm) == pytest.approx(exact(tensors), rel=tolerance if lengths else 0)


def test_any_layout():
    tensor = torch.randn(200, 300, generator=torch.Generator().manual_seed(1))
    for view in (tensor.t(), tensor[::2, 1::3], tensor[0, 0], tensor.view(2, 100, 300)):
        assert error([view]) < 3e-7


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_stays_so(value):
    tensor = torch.zeros(PIECE + 5)
    tensor[-1] = value
    assert not torch.isfinite(total_norm([torch.ones(3), tensor]))


def test_the_squares_of_large_gradients_do_not_overflow():
    assert float(total_norm([torch.full((4,), 5e18)] * 100)) == pytest.approx(1e20)


def test_a_gpu_takes_each_tensor_as_one_piece():
    """Its kernels sum as a tree; thousands of pieces would be thousands of launches."""
    assert partial_norms([torch.zeros(9 * PIECE, device="meta")]).shape == (1,)
    assert partial_norms([torch.zeros(9 * PIECE)]).shape == (9,)
