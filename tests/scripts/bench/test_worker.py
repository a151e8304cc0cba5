"""A loop in a process of its own: what it starts from, what it answers, how it ends."""

import warnings
from contextlib import ExitStack

import pytest
import torch

from scripts.bench import worker
from scripts.bench.loops import workload_data
from scripts.bench.worker import Task
from scripts.bench.workers import WorkerFailed, start
from scripts.bench.workloads import FAST

OVERRIDES = [("CPU_THREADS", "1")]


@pytest.fixture
def task(tmp_path):
    """task(loop, name, weights=file): of the smallest workload."""
    workload_data(FAST, tmp_path / "data")

    def make(loop, name, seed=1, weights=None):
        where = {"folder": str(tmp_path / name), "data": str(tmp_path / "data")}
        options = {"options": dict(FAST.options), "overrides": OVERRIDES, "device": "cpu"}
        return Task(loop=loop, weights=weights, seed=seed, **where, **options)

    return make


def test_the_loops_start_from_the_same_weights_and_see_other_windows(task, tmp_path):
    file = str(tmp_path / "weights.pt")
    with ExitStack() as stack:
        ours, facts = worker._start(task("ours", "a", weights=file), stack)
        plain, plain_facts = worker._start(task("plain", "b", weights=file), stack)
        twin, _ = worker._start(task("plain", "c", weights=file, seed=2), stack)
        weights = ours.initial_weights()
        for loop in (plain, twin):
            assert all(torch.equal(weights[n], w) for n, w in loop.model.state_dict().items())
        same = ("parameters", "tokens", "dtype")
        assert all(getattr(facts, name) == getattr(plain_facts, name) for name in same)
        assert plain.step().loss != twin.step().loss


def test_the_facts(task):
    with ExitStack() as stack:
        _, facts = worker._start(task("ours", "a"), stack)
    # Two embeddings, two blocks of 12 x 32^2 weights with two norms each, a last norm; no bias.
    assert facts.parameters == 65 * 32 + 32 * 32 + 2 * (12 * 32**2 + 2 * 32) + 32
    assert facts.tokens == 4 * 32
    # What multiplies: the blocks, the head, and two layers of full attention over 32 tokens.
    assert facts.flops == 6 * (2 * 12 * 32**2 + 65 * 32) + 12 * 2 * 32 * 32


def test_waits_of_the_host_are_counted_and_the_mode_is_put_back(monkeypatch):
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    class Loop:
        def __init__(self, says):
            self.says = says

        def step(self):
            warnings.warn(self.says, stacklevel=1)

    waits = "called a synchronizing CUDA operation (Triggered internally at x.cpp:1.)"
    prototype = "Synchronization debug mode does not yet detect all synchronizing operations."
    assert worker._waits(Loop(waits), 7) == 7
    assert worker._waits(Loop(prototype), 7) == 0
    assert modes == ["warn", "default"] * 2


def test_a_process_takes_steps_and_says_how_long_and_how_large(context, tmp_path):
    here = context(CPU_THREADS=1)
    workload_data(FAST, tmp_path / "data")
    # Whoever starts it may be large: the peak must not be inherited.
    ballast = bytearray(1 << 30)
    with start(here, FAST, "plain", data=tmp_path / "data", weights=None, seed=1) as process:
        facts = process.facts()
        (milliseconds,) = process.block(3)
        peak = process.peak_bytes()
    assert milliseconds > 0
    assert facts.resident_bytes < peak < len(ballast)
    assert facts.dtype == here.settings({})["DTYPE"]


def test_a_process_that_fails_is_a_sentence(context, tmp_path):
    here = context(CPU_THREADS=1)
    where = tmp_path / "none"
    with start(here, FAST, "plain", data=where, weights=None, seed=1) as process:
        sentence = r"The process of the loop 'plain' ended with 66 and said: .*no prepared"
        with pytest.raises(WorkerFailed, match=sentence) as caught:
            process.facts()
        with pytest.raises(WorkerFailed):
            process.block(1)
    assert caught.value.exit_status == 70
