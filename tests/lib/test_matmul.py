import pytest
import torch

from lib import matmul
from lib.matmul import fastest, flops_of, measure_matmul


def test_a_product_is_n_squared_sums_of_n_products():
    assert flops_of(3) == 54
    assert flops_of(8192) == 1_099_511_627_776


def test_the_shortest_repetition_counts_and_the_budget_ends_them():
    durations = [0.3, 0.1, 0.2, 0.05]
    seen = iter(durations)
    assert fastest(lambda: next(seen), 3, 10.0) == 0.1
    assert next(seen) == 0.05
    seen = iter(durations)
    assert fastest(lambda: next(seen), 4, 0.35) == 0.1
    # One at least, however long.
    assert fastest(lambda: 7.0, 4, 0.0) == 7.0


@pytest.fixture
def fake_processor(monkeypatch):
    """fake_processor(TFLOP/s by size): products take the time they would; returns what ran."""

    def make(rates):
        state = {"now": 0.0}
        ran = []

        def product(left, right, out):
            size = left.shape[0]
            ran.append(size)
            state["now"] += flops_of(size) / (rates[size] * 1e12)

        monkeypatch.setattr(matmul, "CPU_SIZES", tuple(rates))
        monkeypatch.setattr(matmul.time, "perf_counter", lambda: state["now"])
        monkeypatch.setattr(matmul.torch, "mm", product)
        return ran

    return make


def test_the_best_size_is_taken(fake_processor):
    ran = fake_processor({16: 1.0, 32: 3.0, 64: 2.0})
    rate = measure_matmul("cpu", "float32")
    assert rate.tflops == pytest.approx(3.0)
    assert (rate.size, rate.dtype) == (32, "float32")
    assert set(ran) == {16, 32, 64}


def test_a_slow_processor_stops_at_the_smallest_size(fake_processor):
    # 16^3 products at 1e-7 TFLOP/s: 82 ms each, so not even one of eight times that fits.
    ran = fake_processor({16: 1e-7, 32: 1e-7, 64: 1e-7})
    rate = measure_matmul("cpu", "float32")
    assert set(ran) == {16}
    assert rate.seconds < 4 * 0.082


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_leaves_no_trace(monkeypatch, dtype):
    monkeypatch.setattr(matmul, "CPU_SIZES", (32, 64))
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    default = torch.get_default_dtype()
    rate = measure_matmul("cpu", dtype)
    assert rate.tflops > 0
    assert rate.size in (32, 64)
    assert torch.equal(torch.get_rng_state(), random)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, default)


def test_the_matrices_are_not_zeros_and_always_the_same():
    left, right, out = matmul._matrices(8, "cpu", torch.bfloat16)
    assert left.dtype == right.dtype == out.dtype == torch.bfloat16
    assert left.count_nonzero() == right.count_nonzero() == 64
    assert not torch.equal(left, right)
    assert torch.equal(left, matmul._matrices(8, "cpu", torch.bfloat16)[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_its_memory_back():
    torch.cuda.empty_cache()
    before, random = torch.cuda.memory_reserved(), torch.cuda.get_rng_state()
    rate = measure_matmul("cuda", "float32")
    assert rate.tflops > 0
    assert torch.cuda.memory_reserved() <= before + (64 << 20)
    assert torch.equal(torch.cuda.get_rng_state(), random)
