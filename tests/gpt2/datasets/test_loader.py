"""Reading ahead changes when a batch is read, and nothing else."""

import threading

import numpy as np
import pytest
import torch

from gpt2.datasets.loader import Loader
from gpt2.datasets.sampler import TrainSampler
from gpt2.datasets.shards import TOKEN, TokenStream


def make_sampler() -> TrainSampler:
    tokens_N = np.random.default_rng(0).integers(0, 50257, 5000).astype(TOKEN)
    return TrainSampler(TokenStream("train", [tokens_N]), block_size=16, batch_size=4, seed=3)


@pytest.fixture
def sampler():
    return make_sampler()


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_batches_are_the_sampler_s(sampler, ahead):
    # Another one, because only the loader's thread may ask its own.
    alone = make_sampler()
    loader = Loader(sampler, "cpu", ahead, pin_memory=False)
    for index in (*range(90), 7, 8, 3, 400, 401):
        rows_BT1 = loader.rows(index)
        assert rows_BT1.dtype == torch.int64
        assert np.array_equal(rows_BT1.numpy(), alone.batch(index))
    loader.close()


def test_the_next_batches_are_read_before_they_are_asked_for(sampler, monkeypatch):
    read = []
    three = threading.Event()
    batch = sampler.batch

    def watch(index):
        read.append((index, threading.current_thread().name))
        if len(read) == 3:
            three.set()
        return batch(index)

    monkeypatch.setattr(sampler, "batch", watch)
    loader = Loader(sampler, "cpu", 2, pin_memory=False)
    loader.rows(0)
    assert three.wait(5)
    loader.close()
    assert [index for index, _ in read] == [0, 1, 2]
    assert {name for _, name in read} == {"loader_0"}


def test_an_error_of_the_thread_reaches_the_training(sampler, monkeypatch):
    loader = Loader(sampler, "cpu", 2, pin_memory=False)

    def broken(index):
        raise OSError("the disk went away")

    monkeypatch.setattr(sampler, "batch", broken)
    with pytest.raises(OSError, match="went away"):
        loader.rows(0)
    loader.close()


def test_the_thread_ends_with_the_run(sampler):
    before = threading.active_count()
    loader = Loader(sampler, "cpu", 2, pin_memory=False)
    loader.rows(0)
    assert threading.active_count() == before + 1
    loader.close()
    assert threading.active_count() == before
