from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpt2.components.attention import CausalSelfAttention
from gpt2.reciprocal.eviction import (
    LEAST_SHARE,
    SHARE,
    EvictingAttention,
    Eviction,
    causal_scores,
    survivors,
)
from tests.gpt2.shapes import sized

SHAPE = sized(1, 4, 32, 32, 17)


def layer(is_learned=False, mode="v-only", length=32) -> EvictingAttention:
    torch.manual_seed(3)
    made = EvictingAttention(replace(SHAPE, block_size=length), is_learned, mode).double().eval()
    with torch.no_grad():
        # Large enough that attention is far from uniform.
        made.qkv.weight.normal_(0.0, 0.5)
    return made


def inputs(length=32, batch=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, length, 32, dtype=torch.float64, generator=generator)


def test_the_published_sizes():
    assert Eviction.of(1024) == Eviction(context=1024, capacity=391, recency=64, chunk=64)
    # A cache never has room for less than what is recent.
    assert Eviction.of(1024, 0.01).capacity == 64


def by_hand(made: EvictingAttention, x, sizes: Eviction):
    """Token by token, as a cache that is filled from left to right would do it."""
    q, k, v = made.heads(x, None)
    B, H, S, D = q.shape
    y = torch.zeros_like(q)
    for b in range(B):
        live = list(range(S))
        got = torch.zeros(S, dtype=torch.float64)
        for i in range(S):
            if i % sizes.chunk == 0 and i > sizes.capacity:
                old = [j for j in live if j < i - sizes.recency]
                recent = [j for j in live if i - sizes.recency <= j < i]
                # The most important first; of equals the later one.
                old.sort(key=lambda j: (-(got[j] / (i - j)).item(), -j))
                kept = recent + old[: sizes.capacity - len(recent)]
                live = sorted(kept) + list(range(i, S))
            seen = [j for j in live if j <= i]
            for h in range(H):
                logits = (k[b, h, : i + 1] @ q[b, h, i]) / D**0.5
                if made.mode == "kv":
                    weights = torch.zeros(i + 1, dtype=torch.float64)
                    weights[seen] = logits[seen].softmax(dim=0)
                else:
                    weights = logits.softmax(dim=0)
                got[: i + 1] += weights
                y[b, h, i] = weights[seen] @ v[b, h][seen]
    return made.projection(y.transpose(1, 2).reshape(B, S, H * D))


@pytest.mark.parametrize("mode", ["v-only", "kv"])
@pytest.mark.parametrize("length", [17, 32])
def test_it_is_a_cache_that_evicts(mode, length):
    made = layer(mode=mode)
    x = inputs(length)
    with torch.no_grad():
        torch.testing.assert_close(made(x), by_hand(made, x, Eviction.of(32)), atol=1e-12, rtol=0)
        full = CausalSelfAttention.attend(made, *made.heads(x, None), None)
        assert made.kept < 1
        evicting = made.attend(*made.heads(x, None), None)
        assert (full - evicting).abs().max() > 1e-3


@pytest.mark.parametrize("mode", ["v-only", "kv"])
def test_room_for_all_is_plain_causal_attention(mode, monkeypatch):
    made = layer(mode=mode)
    monkeypatch.setattr(made, "eviction", lambda: Eviction(32, 32, 2, 2))
    x = inputs()
    heads = made.heads(x, None)
    full = CausalSelfAttention.attend(made, *heads, None)
    torch.testing.assert_close(made.attend(*heads, None), full, atol=1e-12, rtol=0)
    assert made.kept == 1


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_survivors_are_few_recent_and_never_come_back(capacity, recency, chunk, seed):
    length = 32
    sizes = Eviction(length, max(capacity, recency), recency, chunk)
    generator = torch.Generator().manual_seed(seed)
    live = torch.ones(2, length, dtype=torch.bool)
    for start in range(chunk, length, chunk):
        if start <= sizes.capacity:
            continue
        # Ties on purpose.
        got = torch.randint(3, (2, length), generator=generator).float()
        left = survivors(live, got, start, sizes)
        assert (left[:, :start].sum(dim=1) == min(sizes.capacity, start)).all()
        assert (left[:, :start] <= live[:, :start]).all()
        recent = slice(max(0, start - recency), start)
        assert torch.equal(left[:, recent], live[:, recent])
        assert left[:, start:].all()
        live = left


def test_of_equally_important_tokens_the_lower_leaves():
    sizes = Eviction(8, 3, 1, 1)
    live = torch.ones(1, 8, dtype=torch.bool)
    got = (6 - torch.arange(8.0)).clamp(min=0)[None]  # all of importance 1
    assert survivors(live, got, 6, sizes)[0].tolist() == [False] * 3 + [True] * 5


def test_a_learned_share_has_a_gradient_and_stays_in_its_bounds():
    made = layer(is_learned=True).train()
    assert made.share().item() == pytest.approx(SHARE, abs=1e-6)
    made(inputs()).square().sum().backward()
    assert made.share.phi.grad.abs() > 0
    for phi in (-50.0, 50.0):
        with torch.no_grad():
            made.share.phi.fill_(phi)
        assert LEAST_SHARE <= made.share().item() <= 1.0
    # Evaluation evicts for real, by the share.
    assert made.eval().eviction().capacity == 32


def test_training_and_evaluation_of_a_learned_share_agree_where_nothing_leaves():
    made = layer(is_learned=True)
    with torch.no_grad():
        made.share.phi.fill_(50.0)
        evaluated = made(inputs())
        trained = made.train()(inputs())
    # The least important of 32 tokens still counts for sigmoid(0.6 / 0.05) or more.
    torch.testing.assert_close(trained, evaluated, atol=0.2, rtol=0)


def test_the_future_has_no_score():
    q = torch.randn(1, 1, 5, 4)
    scores = causal_scores(q, q)
    assert torch.isinf(scores.triu(1)[0, 0][0, 1:]).all()
    assert scores.tril().isfinite().all()


def test_the_cache_is_as_large_as_what_stays():
    assert layer().cache_bytes(2) == 2 * (12 + 2) * 32 * 2
