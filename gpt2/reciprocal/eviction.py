"""Attention with a cache of limited size: causal eviction of keys and values.

Works like a cache that is filled from left to right. Time goes in chunks; at the start b of a
chunk, tokens before b leave for good until `capacity` are left: the last `recency` stay, and of
the others those with the highest importance, the attention that they got from the queries before
b, of all heads together, divided by how many queries could see them. The queries of a chunk see
what is left and their own chunk, causally. So a token's fate rests on what came before it alone,
and never on another sequence of the batch.

    v-only   weights are those of full causal attention; the columns of tokens that left are
             dropped, nothing is renormalized; importance is that of the full weights
    kv       tokens that left are out of the softmax; importance is that of the weights used

With a learned size each layer has a share rho of the context. Training sees every token, weighed
by sigmoid((rho - rank / T) / 0.05), rank 0 the most important; evaluation evicts for real.

Made of plain products with the whole scores in memory: a study of quality, not of speed.

Shapes: B sequences, H heads, T tokens of the context, S tokens so far, R rows of a chunk.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gpt2.components.attention import CausalSelfAttention, causal_mask
from gpt2.components.cache import LayerCache
from gpt2.reciprocal.gates import BoundedGate
from gpt2.shape import Shape

# The share of the context that stays, and what a learned share is drawn towards.
SHARE = 0.382
LEAST_SHARE = 0.05
PENALTY = 10.0
SOFTNESS = 0.05

# Tokens of a chunk, of the recent past that stays, and the least capacity, at a context of 1024.
GRAIN, CONTEXT = 64, 1024


@dataclass(frozen=True)
class Eviction:
    """The sizes of a cache, in tokens."""

    context: int
    capacity: int
    recency: int
    chunk: int

    @classmethod
    def of(cls, context: int, share: float = SHARE) -> "Eviction":
        """Of a context of so many tokens; 391, 64 and 64 at 1024."""
        grain = max(1, round(GRAIN * context / CONTEXT))
        return cls(context, max(grain, int(share * context)), grain, grain)


class EvictingAttention(CausalSelfAttention):
    """Causal attention, then eviction; `share` is learned or None."""

    kept: Tensor

    def __init__(self, shape: Shape, is_learned: bool, mode: str) -> None:
        """mode: "v-only" or "kv"; a learned share knows only the first."""
        super().__init__(shape)
        assert mode in ("v-only", "kv"), mode
        self.context = shape.block_size
        self.mode = mode
        self.share: BoundedGate | None = None
        if is_learned:
            self.share = BoundedGate(SHARE, LEAST_SHARE, 1.0, ())
        # Of the pairs that causal attention sees, the share seen in the last forward pass.
        self.register_buffer("kept", torch.ones(()), persistent=False)

    def eviction(self) -> Eviction:
        """The sizes in force; those of a learned share are read from the device."""
        share = SHARE if self.share is None else self.share().item()
        return Eviction.of(self.context, share)

    def attend(
        self, q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor, cache: LayerCache | None
    ) -> Tensor:
        T = q_BHTD.shape[2]
        if cache is not None:
            # Which tokens are left depends on all queries so far: the cache keeps them too.
            kq, v_BKTD = cache.extend(torch.cat((k_BKTD, q_BHTD), dim=-1), v_BKTD)
            k_BKTD, q_BHTD = kq.chunk(2, dim=-1)
        if self.share is not None and self.training:
            y_BHSD = self._weighed(q_BHTD, k_BKTD, v_BKTD, self.share())
        else:
            y_BHSD = self._evicted(q_BHTD, k_BKTD, v_BKTD, self.eviction())
        return y_BHSD[:, :, -T:]

    def _evicted(self, q_BHSD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, sizes: Eviction) -> Tensor:
        B, _, S, _ = q_BHSD.shape
        scores_BHSS = causal_scores(q_BHSD, k_BHSD)
        live_BS = torch.ones(B, S, dtype=torch.bool, device=q_BHSD.device)
        got_BS = scores_BHSS.new_zeros(B, S)
        seen = torch.zeros((), device=q_BHSD.device)
        parts = []
        for start in range(0, S, sizes.chunk):
            rows = slice(start, min(start + sizes.chunk, S))
            if start > sizes.capacity:
                live_BS = survivors(live_BS, got_BS, start, sizes)
            scores_BHRS = scores_BHSS[:, :, rows]
            if self.mode == "kv":
                scores_BHRS = scores_BHRS.masked_fill(~live_BS[:, None, None], float("-inf"))
            weights_BHRS = scores_BHRS.softmax(dim=-1)
            # Importance is no path for a gradient: which tokens stay is not differentiable.
            got_BS = got_BS + weights_BHRS.detach().sum(dim=(1, 2))
            used_BHRS = F.dropout(weights_BHRS, self.dropout, self.training)
            parts.append((used_BHRS * live_BS[:, None, None]).to(v_BHSD.dtype) @ v_BHSD)
            past_RS = causal_mask(S, S, q_BHSD.device)[rows]
            seen = seen + (live_BS[:, None] & past_RS).sum()
        self._note(seen, B, S)
        return torch.cat(parts, dim=2)

    def _weighed(self, q_BHSD: Tensor, k_BHSD: Tensor, v_BHSD: Tensor, share: Tensor) -> Tensor:
        B, _, S, _ = q_BHSD.shape
        sizes = Eviction.of(self.context)
        weights_BHSS = causal_scores(q_BHSD, k_BHSD).softmax(dim=-1)
        got_BS = weights_BHSS.new_zeros(B, S)
        seen = torch.zeros((), device=q_BHSD.device)
        parts = []
        for start in range(0, S, sizes.chunk):
            rows = slice(start, min(start + sizes.chunk, S))
            column_BS = soft_columns(got_BS, start, share, sizes)
            weights_BHRS = weights_BHSS[:, :, rows]
            got_BS = got_BS + weights_BHRS.detach().sum(dim=(1, 2))
            used_BHRS = F.dropout(weights_BHRS, self.dropout, self.training)
            parts.append((used_BHRS * column_BS[:, None, None]).to(v_BHSD.dtype) @ v_BHSD)
            past_RS = causal_mask(S, S, q_BHSD.device)[rows]
            seen = seen + (column_BS.detach()[:, None] * past_RS).sum()
        self._note(seen, B, S)
        return torch.cat(parts, dim=2)

    def _note(self, seen: Tensor, B: int, S: int) -> None:
        self.kept.copy_(seen.detach() / (B * S * (S + 1) / 2))

    def cache_bytes(self, item_bytes: int) -> int:
        """Keys and values of one sequence that a cache of this size holds at most, in bytes.

        item_bytes: of a number. What this implementation itself keeps in memory is more.
        """
        sizes = self.eviction()
        tokens = min(sizes.capacity + sizes.chunk, sizes.context)
        return 2 * tokens * self.n_head * self.head_size * item_bytes


def causal_scores(q_BHSD: Tensor, k_BHSD: Tensor) -> Tensor:
    """q k^T / sqrt(D), the future at -inf, in float32 or more: [B, H, S, S]."""
    S, D = q_BHSD.shape[-2:]
    scores_BHSS = q_BHSD @ k_BHSD.transpose(-2, -1) / math.sqrt(D)
    scores_BHSS = scores_BHSS.to(torch.promote_types(scores_BHSS.dtype, torch.float32))
    return scores_BHSS.masked_fill(~causal_mask(S, S, q_BHSD.device), float("-inf"))


def importance(got_BS: Tensor, start: int) -> Tensor:
    """Attention that each token before `start` got, a query that could see it: [B, start].

    got_BS: sums over the queries before `start`.
    """
    queries = start - torch.arange(start, device=got_BS.device)
    return got_BS[:, :start] / queries


def survivors(live_BS: Tensor, got_BS: Tensor, start: int, sizes: Eviction) -> Tensor:
    """Who is left of the live tokens before `start`; all from `start` on. [B, S], bool.

    At least `capacity` tokens must be live.
    """
    order_BS = importance(got_BS, start).masked_fill(~live_BS[:, :start], -1.0)
    order_BS[:, max(0, start - sizes.recency) :] = torch.inf
    # Stable and descending from the right, so that of equals the later token stays.
    ranked = order_BS.flip(1).argsort(dim=1, descending=True, stable=True)[:, : sizes.capacity]
    left_BS = torch.zeros_like(live_BS)
    left_BS[:, :start].scatter_(1, start - 1 - ranked, True)
    left_BS[:, start:] = True
    return left_BS


def soft_columns(got_BS: Tensor, start: int, share: Tensor, sizes: Eviction) -> Tensor:
    """What the columns of a chunk's weights are multiplied by, [B, S]: a path for the gradient of
    the share."""
    old = max(0, start - sizes.recency)
    if old == 0:
        return torch.ones_like(got_BS)
    order_BS = importance(got_BS, start).flip(1).argsort(dim=1, descending=True, stable=True)
    ranks_BS = order_BS.argsort(dim=1).flip(1) / sizes.context
    column_BS = torch.sigmoid((share - ranks_BS[:, :old]) / SOFTNESS)
    recent_BS = got_BS.new_ones(len(got_BS), got_BS.shape[1] - old)
    return torch.cat((column_BS, recent_BS), dim=1)
