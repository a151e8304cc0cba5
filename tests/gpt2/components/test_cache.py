"""With a cache the model computes what it computes without, however the tokens come."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.components.cache import KeyValueCache, LayerCache
from gpt2.model import GPT
from tests.gpt2.shapes import sized

VOCABULARY = 31
LENGTH = 24


def model(fused):
    shape = sized(
        n_layer=3,
        n_head=2,
        n_embd=16,
        block_size=LENGTH,
        vocab_size=VOCABULARY,
        dropout=0.5,
        attention_backend="sdpa" if fused else "manual",
    )
    generator = torch.Generator().manual_seed(0)
    made = GPT(shape, 0).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            # Large enough that attention is far from uniform.
            parameter.normal_(0.0, 0.5, generator=generator)
    return made


MODELS = {fused: model(fused) for fused in (True, False)}


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.integers(1, 8), min_size=1, max_size=6),
    rows=st.integers(1, 3),
    fused=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_pieces_give_the_logits_of_one_pass(pieces, rows, fused, seed):
    total = min(sum(pieces), LENGTH)
    tokens = torch.randint(VOCABULARY, (rows, total), generator=torch.Generator().manual_seed(seed))
    made = MODELS[fused]
    cache = KeyValueCache(3, LENGTH)
    found = []
    with torch.no_grad():
        for piece in split(tokens, pieces):
            found.append(made.head(made.hidden(piece, cache)))
        assert cache.length == total
        torch.testing.assert_close(torch.cat(found, dim=1), made(tokens), atol=2e-5, rtol=0)


def split(tokens, pieces):
    start = 0
    for piece in pieces:
        if start < tokens.shape[1]:
            yield tokens[:, start : start + piece]
        start += piece


@pytest.mark.parametrize("fused", [True, False])
def test_a_repeated_cache_goes_on_in_several_ways(fused):
    generator = torch.Generator().manual_seed(1)
    shared = torch.randint(VOCABULARY, (2, 7), generator=generator)
    ways = torch.randint(VOCABULARY, (6, 5), generator=generator)
    made = MODELS[fused]
    cache = KeyValueCache(3, 12)
    with torch.no_grad():
        made.hidden(shared, cache)
        several = cache.repeated(3)
        found = made.head(made.hidden(ways, several))
        whole = made(torch.cat([shared.repeat_interleave(3, dim=0), ways], dim=1))[:, 7:]
    torch.testing.assert_close(found, whole, atol=2e-5, rtol=0)
    assert (cache.length, several.length) == (7, 12)


def test_a_cache_holds_its_capacity_and_not_more():
    cache = LayerCache(4)
    assert cache.nbytes == 0
    keys = torch.arange(2 * 1 * 3 * 2, dtype=torch.float32).view(2, 1, 3, 2)
    all_keys, all_values = cache.extend(keys, -keys)
    assert torch.equal(all_keys, keys)
    assert torch.equal(all_values, -keys)
    assert cache.nbytes == 2 * (2 * 1 * 4 * 2) * 4
    with pytest.raises(AssertionError):
        cache.extend(keys, keys)


def test_more_tokens_than_positions_are_refused():
    cache = KeyValueCache(3, LENGTH + 1)
    with torch.no_grad():
        MODELS[True].hidden(torch.zeros(1, LENGTH, dtype=torch.int64), cache)
        with pytest.raises(AssertionError):
            MODELS[True].hidden(torch.zeros(1, 1, dtype=torch.int64), cache)
