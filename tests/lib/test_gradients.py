"""The monitor against numpy, on random gradients and on numbers at the edges of bins."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib.gradients import GradientMonitor, count_by_adding, count_by_bincount, layer_of
from lib.histograms import BINS, FIRST_EXPONENT
from tests.lib.optimizers.harness import counted_reads

SHAPES = {
    "token_embedding.weight": (11, 4),
    "position_embedding.weight": (5, 4),
    "blocks.0.attention.qkv.weight": (12, 4),
    "blocks.0.attention.qkv.bias": (12,),
    "blocks.1.attention.qkv.weight": (12, 4),
    "blocks.10.feed_forward.up.weight": (16, 4),
    "final_norm.weight": (4,),
}


@pytest.fixture
def named():
    """Parameters with gradients of very different sizes, some of them exactly zero."""
    random = np.random.default_rng(7)
    found = []
    for name, shape in SHAPES.items():
        parameter = nn.Parameter(torch.ones(shape))
        gradient = random.normal(size=shape) * 10.0 ** random.uniform(-9, 1, size=shape)
        gradient[random.random(shape) < 0.2] = 0.0
        parameter.grad = torch.from_numpy(gradient.astype(np.float32))
        found.append((name, parameter))
    return found


def all_of(named, prefix=""):
    return np.concatenate(
        [p.grad.double().numpy().ravel() for name, p in named if name.startswith(prefix)]
    )


def observed(named, has_histogram=True):
    monitor = GradientMonitor(named, 1, has_histogram)
    monitor.observe()
    return monitor.read()


def test_the_numbers_are_numpy_s(named):
    row, values = observed(named), all_of(named)
    assert row["norm"] == pytest.approx(np.linalg.norm(values), rel=1e-6)
    assert row["mean"] == pytest.approx(values.mean(), rel=1e-5)
    assert row["std"] == pytest.approx(values.std(), rel=1e-6)
    assert row["largest"] == pytest.approx(np.abs(values).max(), rel=1e-7)
    assert row["zero_share"] == np.mean(values == 0)


def test_norms_are_by_block_and_by_what_stands_outside(named):
    norms = observed(named)["layer_norms"]
    layers = ["token_embedding", "position_embedding", "blocks.0", "blocks.1", "blocks.10"]
    assert list(norms) == [*layers, "final_norm"]
    for layer, norm in norms.items():
        assert norm == pytest.approx(np.linalg.norm(all_of(named, f"{layer}.")), rel=1e-6)


def test_layers():
    assert layer_of("blocks.3.attention.qkv.weight") == "blocks.3"
    assert layer_of("token_embedding.weight") == "token_embedding"


def test_the_histogram_is_numpy_s(named):
    found, values = observed(named)["histogram"], np.abs(all_of(named))
    edges = 2.0 ** np.arange(FIRST_EXPONENT, FIRST_EXPONENT + BINS + 1)
    expected = np.histogram(values[values < edges[-1]], edges)[0]
    assert found["first_exponent"] == FIRST_EXPONENT
    assert found["counts"] == expected.tolist()
    assert found["zero"] == np.count_nonzero(values == 0)
    assert (found["below"], found["above"], found["not_finite"]) == (0, 0, 0)


def test_edges_belong_to_the_bin_above_and_nothing_is_lost():
    smallest, largest = 2.0**FIRST_EXPONENT, 2.0 ** (FIRST_EXPONENT + BINS)
    below_1 = float(np.nextafter(np.float32(1.0), np.float32(0.0)))
    values = [1.0, -1.0, below_1, 1.99, 2.0, 0.0, -0.0]
    values += [smallest, 0.99 * smallest, 1e-42, largest, 0.99 * largest]
    values += [math.inf, -math.inf, math.nan]
    parameter = nn.Parameter(torch.ones(len(values)))
    parameter.grad = torch.tensor(values)
    found = observed([("final_norm.weight", parameter)])["histogram"]
    at = found["counts"][-FIRST_EXPONENT:]
    assert at[0] == 3  # 1, -1, 1.99
    assert found["counts"][-FIRST_EXPONENT - 1] == 1  # just below 1
    assert at[1] == 1
    assert (found["counts"][0], found["counts"][-1]) == (1, 1)
    assert found["zero"] == 2
    assert found["below"] == 2  # one of them subnormal
    assert found["above"] == 1
    assert found["not_finite"] == 3
    rest = found["zero"] + found["below"] + found["above"] + found["not_finite"]
    assert sum(found["counts"]) + rest == len(values)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(0, 2**32 - 1),
    st.floats(-44, 38),
)
def test_both_ways_of_counting_agree(elements, seed, decade):
    random = np.random.default_rng(seed)
    with np.errstate(over="ignore", under="ignore"):
        values = (random.normal(size=elements) * 10.0**decade).astype(np.float32)
    flat = torch.from_numpy(values)
    counts = count_by_bincount(flat)
    assert torch.equal(counts, count_by_adding(flat))
    assert counts.sum() == elements
    exponents = np.frombuffer(values.tobytes(), np.uint32) >> 23 & 0xFF
    assert counts.tolist() == np.bincount(exponents, minlength=256).tolist()


def test_pieces_add_up(monkeypatch):
    flat = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    whole = count_by_bincount(flat)
    monkeypatch.setattr("lib.gradients._CHUNK", 64)
    monkeypatch.setattr("lib.gradients._CHUNK_ELSEWHERE", 64)
    assert torch.equal(count_by_bincount(flat), whole)
    assert torch.equal(count_by_adding(flat), whole)


def test_a_column_of_gradients_is_read_as_it_is(named):
    """A gradient need not be contiguous."""
    parameter = nn.Parameter(torch.ones(3, 5))
    parameter.grad = torch.arange(15.0).reshape(5, 3).t()
    row = observed([("head.weight", parameter)])
    assert row["norm"] == pytest.approx(math.sqrt(sum(i * i for i in range(15))))
    assert sum(row["histogram"]["counts"]) + row["histogram"]["zero"] == 15


def test_a_tied_weight_counts_once(named):
    weight = named[0][1]
    assert observed([*named, ("head.weight", weight)]) == observed(named)


def test_the_histogram_is_only_made_where_it_is_wanted(named):
    assert "histogram" not in observed(named, has_histogram=False)


def test_parameters_are_looked_at_as_gradients_are(named):
    """The same numbers as of gradients that are equal to them, and they stay what they are."""
    for _, parameter in named:
        parameter.data.copy_(parameter.grad)
    monitor = GradientMonitor(named, 1, has_histogram=True, has_parameters=True)
    monitor.observe()
    before = [p.detach().clone() for _, p in named]
    assert monitor.read_parameters() == monitor.read()
    assert all(torch.equal(p, w) for (_, p), w in zip(named, before, strict=True))


def test_steps_that_are_due(named):
    monitor = GradientMonitor(named, 20, False)
    assert [step for step in range(1, 61) if monitor.is_due(step)] == [20, 40, 60]


def test_it_changes_nothing_and_waits_only_where_it_is_read(named, monkeypatch):
    before = [p.grad.clone() for _, p in named]
    random = torch.get_rng_state()
    monitor = GradientMonitor(named, 1, True)
    # The processor's own counting is for the processor.
    monkeypatch.setattr("lib.gradients.count_by_bincount", count_by_adding)
    with counted_reads() as reads:
        assert not monitor.has_observed
        monitor.observe()
        assert monitor.has_observed
    assert reads.count == 0
    monitor.read()
    assert not monitor.has_observed
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(p.grad, g) for (_, p), g in zip(named, before, strict=True))


def test_an_observation_is_of_its_step_even_if_it_is_read_later(named):
    monitor = GradientMonitor(named, 1, True)
    monitor.observe()
    expected = np.linalg.norm(all_of(named))
    for _, parameter in named:
        parameter.grad.zero_()
        parameter.grad = None
    assert monitor.read()["norm"] == pytest.approx(expected, rel=1e-6)


def test_numbers_that_are_not_finite_become_null(named):
    named[0][1].grad[0, 0] = math.inf
    row = observed(named)
    assert (row["norm"], row["largest"], row["layer_norms"]["token_embedding"]) == (None,) * 3
    assert row["layer_norms"]["blocks.0"] is not None
    json.dumps(row, allow_nan=False)


def test_deterministic_algorithms_are_enough(named):
    torch.use_deterministic_algorithms(True)
    try:
        observed(named)
        count_by_adding(torch.randn(100))
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_missing_gradient_is_our_mistake(named):
    named[2][1].grad = None
    with pytest.raises(AssertionError, match="no gradient"):
        observed(named)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_waits_on_a_gpu(named):
    moved = []
    for name, parameter in named:
        on_gpu = nn.Parameter(parameter.detach().cuda())
        on_gpu.grad = parameter.grad.cuda()
        moved.append((name, on_gpu))
    monitor = GradientMonitor(moved, 1, True)
    monitor.observe()  # plans its kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        monitor.observe()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert monitor.read()["histogram"] == observed(named)["histogram"]
