"""GPT-2 (Radford et al. 2019): a stack of pre-norm blocks over token and position embeddings.

Shapes: B sequences, T tokens, C channels (width), V vocabulary (padded).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gpt2.components.attention import CausalSelfAttention, Form
from gpt2.components.cache import KeyValueCache, LayerCache
from gpt2.components.feed_forward import FeedForward
from gpt2.components.normalisation import layer_norm
from gpt2.loss import chunked_cross_entropy, cross_entropy

# Standard deviation of the initial weights (Radford et al. 2018, section 4.1).
INIT_STD = 0.02


@dataclass(frozen=True)
class Shape:
    """What a GPT is built from; names as in Kconfig."""

    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    vocab_size: int
    bias: bool
    weight_tying: bool
    dropout: float
    flash_attention: bool


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = layer_norm(shape.n_embd, shape.bias)
        self.attention = CausalSelfAttention(
            shape.n_embd, shape.n_head, shape.bias, shape.dropout, shape.flash_attention
        )
        self.feed_forward_norm = layer_norm(shape.n_embd, shape.bias)
        self.feed_forward = FeedForward(shape.n_embd, shape.bias, shape.dropout)

    def forward(self, x_BTC: Tensor, cache: LayerCache | None = None) -> Tensor:
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC), cache)
        return x_BTC + self.feed_forward(self.feed_forward_norm(x_BTC))


class GPT(nn.Module):
    """Token indices in, logits or the mean loss out."""

    def __init__(self, shape: Shape, generator: torch.Generator | None = None) -> None:
        """Initial weights come from `generator` alone, so every arm of a seed starts equal."""
        super().__init__()
        self.shape = shape
        self.logit_rows: int | None = None
        """The most predictions whose logits `loss` holds at a time; None: all."""
        self.token_embedding = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.position_embedding = nn.Embedding(shape.block_size, shape.n_embd)
        self.embedding_dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.final_norm = layer_norm(shape.n_embd, shape.bias)
        self.head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        if shape.weight_tying:
            self.head.weight = self.token_embedding.weight
        self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator | None) -> None:
        # Each block adds two branches to the residual stream; scaling their last matrices keeps
        # its variance from growing with depth (Radford et al. 2019, section 2.3).
        residual_std = INIT_STD / math.sqrt(2 * self.shape.n_layer)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                is_residual = name.endswith(("attention.projection.weight", "down.weight"))
                std = residual_std if is_residual else INIT_STD
                nn.init.normal_(parameter, 0.0, std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.ones_(parameter)

    def use_attention(self, form: Form) -> None:
        """Compute every attention layer in this form from now on. No part of the shape: weights
        that were trained with one form run with any."""
        for block in self.blocks:
            block.attention.form = form

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits [B, T, V] of the token after each position. T is at most the block size."""
        return self.head(self.hidden(tokens_BT))

    def hidden(self, tokens_BT: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """What the head reads, [B, T, C]: `head` of any part gives that part's logits.

        With a cache, tokens_BT come after those that are in it, and are added to it.
        """
        start = cache.length if cache is not None else 0
        end = start + tokens_BT.shape[1]
        assert self.shape.block_size >= end, (end, self.shape.block_size)
        positions_T = torch.arange(start, end, device=tokens_BT.device)
        x_BTC = self.token_embedding(tokens_BT) + self.position_embedding(positions_T)
        x_BTC = self.embedding_dropout(x_BTC)
        for number, block in enumerate(self.blocks):
            x_BTC = block(x_BTC, cache.layers[number] if cache is not None else None)
        return self.final_norm(x_BTC)

    def loss(self, rows_BT1: Tensor, reduction: str = "mean") -> Tensor:
        """Cross-entropy in nats of each row's tokens 1..T given the tokens before them.

        rows_BT1: [B, T + 1] token indices, int64. "mean" or "sum" over the B x T predictions.
        """
        targets_N = rows_BT1[:, 1:].flatten()
        if self.logit_rows is not None and self.logit_rows < len(targets_N):
            hidden_NC = self.hidden(rows_BT1[:, :-1]).flatten(0, 1)
            return chunked_cross_entropy(
                hidden_NC, self.head.weight, targets_N, self.logit_rows, reduction
            )
        return cross_entropy(self(rows_BT1[:, :-1]).flatten(0, 1), targets_N, reduction)


def padded_vocabulary(vocab_size: int, multiple: int) -> int:
    """The tokenizer's vocabulary rounded up: (50257, 64) -> 50304."""
    return math.ceil(vocab_size / multiple) * multiple
