import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2 import micro_batch
from gpt2.budget import Batch, batch_of
from gpt2.datasets.sampler import TrainSampler
from gpt2.datasets.shards import TokenStream
from gpt2.footprint import step_bytes
from gpt2.micro_batch import choose_micro_batch
from tests.gpt2.test_execution import FLOAT32, model_of, replace

SPEED = replace(FLOAT32, fit_micro_batch=True)


@pytest.fixture
def config(one_run):
    """The settings of the model that test_execution makes, 24 sequences a step."""
    return one_run(
        N_LAYER=2,
        N_HEAD=2,
        N_EMBD=16,
        BLOCK_SIZE=12,
        ARCH_PRESET="custom",
        WEIGHT_TYING="n",
        BATCH_SIZE=4,
        GRADIENT_ACCUMULATION=6,
        HYPER_PARAM="auto",
    )


def test_a_processor_goes_by_the_formula(config, monkeypatch):
    model = model_of()
    needed = step_bytes(config, SPEED, "flash", 31, 8)
    free = int(needed / micro_batch.SHARE_OF_HOST) + 2
    monkeypatch.setattr(micro_batch, "available_bytes", lambda: free)
    fit = choose_micro_batch(config, SPEED, model, model.loss, "cpu")
    assert fit.batch == Batch(8, 3)
    assert fit.peak_bytes is None
    monkeypatch.setattr(micro_batch, "available_bytes", lambda: 1 << 40)
    assert choose_micro_batch(config, SPEED, model, model.loss, "cpu").batch == Batch(24, 1)


def test_a_system_that_tells_nothing_is_not_guessed_at(config, monkeypatch):
    monkeypatch.setattr(micro_batch, "available_bytes", lambda: None)
    model = model_of()
    with pytest.raises(ValueError, match="HYPER_PARAM=manual"):
        choose_micro_batch(config, SPEED, model, model.loss, "cpu")


@pytest.mark.parametrize(("largest", "micro"), [(24, 24), (11, 8), (5, 4), (1, 1)])
def test_a_gpu_is_tried(config, monkeypatch, largest, micro):
    """With an allocator made up: memory runs out above `largest` sequences."""
    rehearsed, state = [], {"emptied": 0, "peak": 0}
    free = 10_000_000

    def rehearse(loss, model, size, speed, device):
        assert state["emptied"] == len(rehearsed) + 1, (
            "freed memory of the last trial is in the way"
        )
        rehearsed.append(size)
        if size > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        state["peak"] = 1000 * size

    def empty():
        state["emptied"] += 1

    monkeypatch.setattr(micro_batch, "rehearse", rehearse)
    monkeypatch.setattr(micro_batch, "attention_in_use", lambda *arguments: "flash")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 2 * free))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 5000)
    monkeypatch.setattr(torch.cuda, "empty_cache", empty)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: state["peak"])
    model = model_of()
    fit = choose_micro_batch(config, SPEED, model, model.loss, "cuda")
    assert fit.batch == Batch(micro, 24 // micro)
    # AdamW's two moments are not there yet when the trials are made.
    moments = 2 * 4 * sum(parameter.numel() for parameter in model.parameters())
    assert fit.peak_bytes == 1000 * micro + moments
    assert fit.budget_bytes == int(micro_batch.SHARE_OF_GPU * (free + 5000))


def test_an_error_that_is_not_of_memory_is_not_hidden(config, monkeypatch):
    def rehearse(*arguments):
        raise ValueError("a defect")

    monkeypatch.setattr(micro_batch, "rehearse", rehearse)
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    probe = micro_batch.gpu_probe(model_of(), None, SPEED, "cuda", 0)
    with pytest.raises(ValueError, match="a defect"):
        probe(4)


def test_trials_of_many_sizes_do_not_use_up_the_compiler(config, monkeypatch):
    resets = []
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 0)
    monkeypatch.setattr(micro_batch, "rehearse", lambda *arguments: None)
    monkeypatch.setattr(torch._dynamo, "reset", lambda: resets.append(True))
    for is_compiled in (True, False):
        speed = replace(SPEED, compile=is_compiled)
        micro_batch.gpu_probe(model_of(), None, speed, "cuda", 0)(4)
    assert resets == [True]


def test_the_extra_batch_is_part_of_the_step(one_run):
    assert batch_of(one_run(BATCH_SIZE=4, GRADIENT_ACCUMULATION=6)) == Batch(4, 6)
    extended = batch_of(one_run(BATCH_SIZE=4, GRADIENT_ACCUMULATION=6, EXTRA_BATCH_PCT=50))
    assert (extended, extended.sequences) == (Batch(6, 6), 36)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 48), st.integers(0, 200), st.integers(0, 2**32), st.data())
def test_every_grouping_of_a_step_draws_the_same_sequences(sequences, step, seed, data):
    """So that a micro-batch that was found changes the rounding of a run and nothing else."""
    tokens = TokenStream("train", [np.arange(700).astype("<u2")])

    def drawn(micro):
        batch = Batch(micro, sequences // micro)
        sampler = TrainSampler(tokens, 7, batch.micro, seed)
        first = step * batch.accumulation
        return np.concatenate([sampler.batch(first + k) for k in range(batch.accumulation)])

    micro = data.draw(
        st.sampled_from([size for size in range(1, sequences + 1) if sequences % size == 0])
    )
    np.testing.assert_array_equal(drawn(micro), drawn(sequences))
