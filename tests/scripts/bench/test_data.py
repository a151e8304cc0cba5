"""The made-up language is the one that its description says, and a dataset like any other."""

import math

import numpy as np
import pytest

from gpt2.datasets import verify
from scripts.bench.data import FOLLOWS, chain, make_dataset, zipf


def unpredictable(vocab_size, seed):
    """Nats a token that a model which knows the chain cannot predict: the conditional entropy."""
    share_V = zipf(vocab_size)
    successor_V = np.random.default_rng(seed).permutation(vocab_size)
    # Probabilities of the next token by the one before.
    next_VV = np.tile((1 - FOLLOWS) * share_V, (vocab_size, 1))
    next_VV[np.arange(vocab_size), successor_V] += FOLLOWS
    often_V = share_V
    for _ in range(200):
        often_V = often_V @ next_VV
    assert math.isclose(often_V.sum(), 1.0)
    return float(-(often_V[:, None] * next_VV * np.log(next_VV)).sum())


def test_the_chain_is_as_predictable_as_it_says():
    tokens_N = chain(50, 400_000, seed=3)
    counts_VV = np.zeros((50, 50))
    np.add.at(counts_VV, (tokens_N[:-1], tokens_N[1:]), 1)
    joint_VV = counts_VV / counts_VV.sum()
    seen = joint_VV > 0
    conditional = joint_VV / joint_VV.sum(axis=1, keepdims=True)
    measured = float(-(joint_VV[seen] * np.log(conditional[seen])).sum())
    assert measured == pytest.approx(unpredictable(50, seed=3), abs=0.01)
    assert tokens_N.dtype == np.uint16
    assert np.array_equal(tokens_N, chain(50, 400_000, seed=3))
    assert not np.array_equal(tokens_N, chain(50, 400_000, seed=4))


def test_a_prepared_dataset_comes_out(tmp_path):
    dataset = make_dataset(tmp_path / "data", 300, 5000, 700, seed=1)
    verify(dataset)
    assert (len(dataset.train), len(dataset.validation)) == (5000, 700)
    assert dataset.manifest.vocab_size == 300
    whole_N = np.concatenate([dataset.train.window(0, 5000), dataset.validation.window(0, 700)])
    assert np.array_equal(whole_N, chain(300, 5700, seed=1))
