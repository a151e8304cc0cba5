"""Tokens to train on without a download: a language that a machine makes up and can be learned.

A Markov chain of order one. With probability FOLLOWS the next token is the fixed successor of the
one before (a permutation of the vocabulary), else it is drawn from Zipf's law: its probability is
proportional to 1 / (number + 1). What cannot be predicted of it is known exactly, so a loop that
learns nothing, or sees its targets, is found out.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpt2.datasets import Dataset, open_dataset
from gpt2.datasets.manifest import Manifest, TokenizerInfo, write_manifest
from gpt2.datasets.shards import TOKEN, ShardWriter, Tokens

FOLLOWS = 0.75
NAME = "made-up"


def make_dataset(
    folder: Path, vocab_size: int, train_tokens: int, validation_tokens: int, seed: int
) -> Dataset:
    """A prepared dataset in `folder`, which is created; each split is one file."""
    folder.mkdir(parents=True)
    # One chain for both splits: they must speak the same language.
    tokens_N = chain(vocab_size, train_tokens + validation_tokens, seed)
    splits = {}
    for split, part_N in (
        ("train", tokens_N[:train_tokens]),
        ("validation", tokens_N[train_tokens:]),
    ):
        writer = ShardWriter(folder, split, vocab_size)
        writer.write(part_N)
        splits[split] = writer.close(text_bytes=part_N.size)
    tokenizer = TokenizerInfo(NAME, vocab_size, eot=None)
    source = {"follows": FOLLOWS, "seed": seed}
    write_manifest(folder, Manifest(NAME, tokenizer, source, **splits))
    return open_dataset(folder)


def chain(vocab_size: int, length: int, seed: int) -> Tokens:
    """So many tokens of the language, uint16."""
    generator = np.random.default_rng(seed)
    successor_V = generator.permutation(vocab_size).astype(TOKEN)
    cumulated_V = np.cumsum(zipf(vocab_size))
    drawn_N = np.searchsorted(cumulated_V, generator.random(length) * cumulated_V[-1])
    tokens_N = np.minimum(drawn_N, vocab_size - 1).astype(TOKEN)
    follows_N = generator.random(length) < FOLLOWS
    follows_N[0] = False
    # How far each token is from the last drawn one; then all at distance 1, all at 2, ...
    places_N = np.arange(length)
    distance_N = places_N - np.maximum.accumulate(np.where(follows_N, 0, places_N))
    for distance in range(1, int(distance_N.max()) + 1):
        here = np.flatnonzero(distance_N == distance)
        tokens_N[here] = successor_V[tokens_N[here - 1]]
    return tokens_N


def zipf(vocab_size: int) -> NDArray[np.float64]:
    """The probability of each token to be drawn."""
    weight_V = 1.0 / np.arange(1, vocab_size + 1)
    return weight_V / weight_V.sum()
