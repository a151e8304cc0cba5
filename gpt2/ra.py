"""The models of the reciprocal attention study: GPT-2 with the blocks of a step.

A step of the table (gpt2/reciprocal/steps.py) becomes a model whose weights are all there when it
is built; nothing is made up later, at the first forward pass or by replacing modules. Its twin is a
plain transformer, made by folding the step's own initial weights, so both begin as one function.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from gpt2.components.attention import CausalSelfAttention
from gpt2.components.block import BLOCKS, PreNormBlock
from gpt2.components.feed_forward import FEED_FORWARDS
from gpt2.model import GPT, InitialWeights, published_weights
from gpt2.reciprocal.attention import ReciprocalAttention, TiedReciprocalAttention
from gpt2.reciprocal.eviction import PENALTY, SHARE, EvictingAttention
from gpt2.reciprocal.feed_forward import ReciprocalFeedForward
from gpt2.reciprocal.gates import ReciprocalPair
from gpt2.reciprocal.options import Options
from gpt2.reciprocal.steps import STEPS, Step, widths
from gpt2.shape import Shape


def step_model(shape: Shape, step: Step, options: Options, seed: int | None) -> GPT:
    """The model of a step or control; seed as of GPT. Raises ValueError where sizes do not fit."""
    if step.twin_of is not None:
        return _twin(shape, step, options, seed)
    if not step.is_reciprocal:
        return GPT(shape, seed)
    return ReciprocalGPT(shape, step, options, seed)


class ReciprocalGPT(GPT):
    """GPT-2 whose attention, or feed-forward, or both, are reciprocal."""

    def __init__(self, shape: Shape, step: Step, options: Options, seed: int | None) -> None:
        super().__init__(
            shape,
            seed,
            lambda shape: reciprocal_block(shape, step, options),
            lambda shape: initial_weights(shape, step, options),
        )
        self.step = step

    def wake(self, awake: float) -> None:
        """Let the reciprocal gates count so much of their value, from DORMANT to 1."""
        for module in self.modules():
            if isinstance(module, ReciprocalPair):
                module.awake.fill_(awake)

    def loss(self, rows_BT1: Tensor, reduction: str = "mean") -> Tensor:
        """As of GPT; in training with the penalty that lets layers trade the size of the cache."""
        loss = super().loss(rows_BT1, reduction)
        if self.step.eviction != "learned" or not self.training:
            return loss
        shares = torch.stack([block.attention.share() for block in self.blocks])
        return loss + PENALTY * (shares.mean() - SHARE).square()


def reciprocal_block(shape: Shape, step: Step, options: Options) -> PreNormBlock:
    """The block of a step that is reciprocal somewhere."""
    sizes = widths(step, shape, options.rank)
    of_reciprocal = replace(shape, bias=options.is_house)
    residual_dropout = shape.dropout if options.is_house else 0.0
    attention: nn.Module
    if step.attention == "stock":
        attention = CausalSelfAttention(shape)
        if step.eviction != "none":
            is_learned = step.eviction == "learned"
            attention = EvictingAttention(shape, is_learned, options.eviction_mode)
    else:
        values = options.gate_values(sizes.rank / shape.head_size)
        pair = ReciprocalPair(*values, (shape.n_head,) if options.gates_per == "head" else ())
        if step.attention == "tied":
            attention = TiedReciprocalAttention(of_reciprocal, sizes.rank, pair, residual_dropout)
        else:
            attention = ReciprocalAttention(
                of_reciprocal, sizes.rank, pair, step.restart, residual_dropout
            )
    return BLOCKS[shape.norm_position](shape, attention, _feed_forward(shape, step, options))


def _feed_forward(shape: Shape, step: Step, options: Options) -> nn.Module:
    sizes = widths(step, shape, options.rank)
    if step.feed_forward == "stock":
        return FEED_FORWARDS[shape.ffn_type](replace(shape, ffn_hidden=sizes.hidden))
    pair = ReciprocalPair(*options.gate_values(sizes.low / sizes.hidden), ())
    of_reciprocal = replace(shape, bias=options.is_house, ffn_hidden=sizes.hidden)
    return ReciprocalFeedForward(of_reciprocal, step, sizes.low, pair)


# Gates, and what else is no matrix of its own: they begin as their modules make them.
_GATES = (".theta", ".phi", ".gamma", ".direction", ".level")


def initial_weights(shape: Shape, step: Step, options: Options) -> InitialWeights:
    """Xavier-uniform for the matrices of reciprocal parts, as documented; else as published."""
    published = published_weights(shape)
    reciprocal = []
    if not options.is_house:
        reciprocal += [".attention."] if step.attention != "stock" else []
        reciprocal += [".feed_forward."] if step.feed_forward != "stock" else []

    def fill(name: str, parameter: nn.Parameter, generator: torch.Generator) -> None:
        if name.endswith(_GATES):
            return
        if parameter.dim() >= 2 and any(part in name for part in reciprocal):
            nn.init.xavier_uniform_(parameter, generator=generator)
        else:
            published(name, parameter, generator)

    return fill


def _twin(shape: Shape, step: Step, options: Options, seed: int | None) -> GPT:
    """The plain transformer that a step begins as."""
    model = GPT(shape, None, lambda shape: _twin_block(shape, step, options))
    if seed is not None:
        assert step.twin_of is not None
        source = ReciprocalGPT(shape, STEPS[step.twin_of], options, seed)
        model.load_state_dict(folded(source))
    return model


def _twin_block(shape: Shape, step: Step, options: Options) -> PreNormBlock:
    attention = CausalSelfAttention(shape)
    if step.attention != "stock":
        attention = CausalSelfAttention(replace(shape, bias=options.is_house))
        attention.residual_dropout = nn.Dropout(shape.dropout if options.is_house else 0.0)
    hidden = widths(step, shape, options.rank).hidden
    bias = shape.bias if step.feed_forward == "stock" else options.is_house
    feed_forward = FEED_FORWARDS[shape.ffn_type](replace(shape, ffn_hidden=hidden, bias=bias))
    return BLOCKS[shape.norm_position](shape, attention, feed_forward)


def folded(model: ReciprocalGPT) -> dict[str, Tensor]:
    """The state of the plain transformer that computes what this model computes awake, without
    self-restart and eviction; gates of each token count as at the start."""
    state = {name: tensor for name, tensor in model.state_dict().items() if "blocks." not in name}
    for number, block in enumerate(model.blocks):
        parts: dict[str, Callable[[], dict[str, Tensor]]] = {
            name: module.folded if hasattr(module, "folded") else module.state_dict
            for name, module in block.named_children()
        }
        for name, of_part in parts.items():
            state |= {f"blocks.{number}.{name}.{key}": value for key, value in of_part().items()}
    return state


def row_rates(shape: Shape, options: Options, rank: int) -> Tensor:
    """The rate at which V1's rows of queries and keys effectively learn, [2 C]: the root of the
    gate that they begin with."""
    w_std, w_rec = options.gate_values(rank / shape.head_size)
    of_head = torch.full((shape.head_size,), math.sqrt(w_std))
    of_head[shape.head_size - rank :] = math.sqrt(w_rec)
    return of_head.repeat(2 * shape.n_head)
