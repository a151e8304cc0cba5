"""How many parameters the block of a step has, by arithmetic. Knows no torch."""

from typing import NamedTuple

from gpt2.reciprocal.options import Options
from gpt2.reciprocal.steps import Step, widths
from gpt2.shape import Shape


class BlockCount(NamedTuple):
    """Parameters of one block, its norms not among them."""

    matrices: int
    vectors: int
    """Biases and gates: everything with fewer than two dimensions."""


def block_count(step: Step, shape: Shape, options: Options) -> BlockCount:
    """Raises ValueError as `widths`."""
    attention = _attention(step, shape, options)
    feed_forward = _feed_forward(step, shape, options)
    return BlockCount(*(a + b for a, b in zip(attention, feed_forward, strict=True)))


def _attention(step: Step, shape: Shape, options: Options) -> BlockCount:
    width, rank = shape.n_embd, widths(step, shape, options.rank).rank
    rows = 3 * width
    if step.attention == "tied":
        rows -= 2 * shape.n_head * rank
    vectors = 0
    if step.attention == "stock" or options.is_house:
        vectors += rows + width
    if step.attention != "stock" and step.twin_of is None:
        vectors += 2 * (shape.n_head if options.gates_per == "head" else 1)
    vectors += shape.n_head * step.restart + (step.eviction == "learned")
    return BlockCount(width * rows + width * width, vectors)


def _feed_forward(step: Step, shape: Shape, options: Options) -> BlockCount:
    width, (hidden, _, low) = shape.n_embd, widths(step, shape, options.rank)
    matrices = 2 * width * hidden
    if step.feed_forward == "stock":
        return BlockCount(matrices, hidden + width)
    vectors = hidden + width if options.is_house else 0
    if step.twin_of is not None:
        return BlockCount(matrices, vectors)
    if step.tie != "none":
        matrices -= width * low
        vectors -= low * options.is_house
    matrices += low * low * step.mixer
    vectors += 2 + {"none": 0, "scalar": 1, "token": width + 1}[step.gate]
    return BlockCount(matrices, vectors)
