"""A GPT, assembled from the components of its shape; as published, GPT-2 (Radford et al. 2019).

Shapes: B sequences, T tokens, C channels (width), V vocabulary (padded).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gpt2.components.attention import CausalSelfAttention, Form
from gpt2.components.block import BLOCKS, PreNormBlock
from gpt2.components.cache import KeyValueCache
from gpt2.components.feed_forward import FEED_FORWARDS
from gpt2.components.normalization import NORMALIZATIONS
from gpt2.components.position import POSITIONS
from gpt2.loss import chunked_cross_entropy, cross_entropy
from gpt2.shape import Shape
from lib.rng import stream_seed

# Standard deviation of the initial weights (Radford et al. 2018, section 4.1).
INIT_STD = 0.02

# The last matrix of each residual branch.
RESIDUAL_MATRICES = ("attention.projection.weight", "feed_forward.down.weight")

InitialWeights = Callable[[str, nn.Parameter, torch.Generator], None]


def standard_block(shape: Shape) -> PreNormBlock:
    """The block that the shape describes."""
    return BLOCKS[shape.norm_position](
        shape, CausalSelfAttention(shape), FEED_FORWARDS[shape.ffn_type](shape)
    )


def published_weights(shape: Shape) -> InitialWeights:
    """Fills a parameter, known by its name, as the published GPT-2 began."""
    # Each block adds two branches to the residual stream; scaling their last matrices keeps
    # its variance from growing with depth (Radford et al. 2019, section 2.3).
    residual_std = INIT_STD / math.sqrt(2 * shape.n_layer)

    def fill(name: str, parameter: nn.Parameter, generator: torch.Generator) -> None:
        if parameter.dim() >= 2:
            std = residual_std if name.endswith(RESIDUAL_MATRICES) else INIT_STD
            nn.init.normal_(parameter, 0.0, std, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)

    return fill


class GPT(nn.Module):
    """Token indices in, logits or the mean loss out."""

    def __init__(
        self,
        shape: Shape,
        seed: int | None = None,
        make_block: Callable[[Shape], PreNormBlock] = standard_block,
        initial_weights: Callable[[Shape], InitialWeights] = published_weights,
    ) -> None:
        """seed: of the run; None for a model whose weights are loaded next.

        Each parameter is drawn from a stream of its own, known by its name: two architectures of
        one seed begin with the same weights wherever they have the same parameter.
        """
        super().__init__()
        self.shape = shape
        self.logit_rows: int | None = None
        """The most predictions whose logits `loss` holds at a time; None: all."""
        self.token_embedding = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.position_embedding = POSITIONS[shape.position_encoding](shape)
        self.embedding_dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(make_block(shape) for _ in range(shape.n_layer))
        self.final_norm: nn.Module = nn.Identity()
        if BLOCKS[shape.norm_position].has_final_norm:
            self.final_norm = NORMALIZATIONS[shape.normalization](shape.n_embd)
        self.head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        if shape.weight_tying:
            self.head.weight = self.token_embedding.weight
        if seed is not None:
            self._initialise(seed, initial_weights(shape))

    @torch.no_grad()
    def _initialise(self, seed: int, fill: InitialWeights) -> None:
        for name, parameter in self.named_parameters():
            fill(name, parameter, torch.Generator().manual_seed(stream_seed(seed, "init", name)))

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
        x_BTC = self.position_embedding.embed(self.token_embedding(tokens_BT), start)
        x_BTC = self.embedding_dropout(x_BTC)
        rotation = self.position_embedding.rotation(start, end, tokens_BT.device)
        for number, block in enumerate(self.blocks):
            x_BTC = block(x_BTC, rotation, cache.layers[number] if cache is not None else None)
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
