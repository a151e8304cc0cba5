"""Memory that a training step takes, by formula, and the largest micro-batch that fits.

The formula counts what autograd keeps of a GPT-2 as gpt2/model.py computes it, tensor by tensor;
its test holds it against the tensors that PyTorch really keeps. A compiled step keeps less, so for
that it is a bound from above. Knows no torch.

Shapes: N tokens of a micro-batch, C channels, H heads, T context, L layers, V vocabulary, P
parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gpt2.budget import Batch
from gpt2.reciprocal.options import step_of
from gpt2.shape import STANDARD_EXPANSION, Shape, shape_of
from gpt2.sizes import FLOAT32_BYTES, optimizer_numbers, parameter_count
from gpt2.speed import Speed

BFLOAT16_BYTES = 2
GIB = 1 << 30

# Queries of a block (gpt2/components/blocked_attention.py): half of one is beyond the causal half.
BLOCK_ROWS = 128


@dataclass(frozen=True)
class Fit:
    """A micro-batch that fits, and what it was chosen by."""

    batch: Batch
    estimated_bytes: int
    peak_bytes: int | None
    """Measured by a trial; None where there was none."""
    budget_bytes: int
    tried: tuple[int, ...]
    """The micro-batches that were tried, in order."""

    def __str__(self) -> str:
        measured = self.peak_bytes if self.peak_bytes is not None else self.estimated_bytes
        how = "measured" if self.peak_bytes is not None else "estimated"
        return (
            f"HYPER_PARAM=auto chose micro-batches of {self.batch.micro}, "
            f"{self.batch.accumulation} a step: {measured / GIB:.3g} GiB ({how}) of "
            f"{self.budget_bytes / GIB:.3g} GiB"
        )


def fit_micro_batch(
    sequences: int,
    estimate: Callable[[int], int],
    budget_bytes: int,
    probe: Callable[[int], int | None] | None,
) -> Fit:
    """The largest divisor of `sequences` that fits.

    estimate: bytes by formula, not falling with the size. probe: bytes by trial, None where the
    memory ran out; without it the formula decides alone. The search starts where the formula says
    and goes on from there by trial, up or down, so an error of the formula costs trials and
    nothing else. Raises ValueError if not even one sequence fits.
    """
    sizes = [size for size in range(1, sequences + 1) if sequences % size == 0]
    estimates = [estimate(size) for size in sizes]
    fitting = [place for place, needed in enumerate(estimates) if needed <= budget_bytes]
    place = fitting[-1] if fitting else 0
    if probe is None:
        if not fitting:
            raise _too_little(estimates[0], budget_bytes)
        batch = Batch(sizes[place], sequences // sizes[place])
        return Fit(batch, estimates[place], None, budget_bytes, ())

    tried: list[int] = []

    def fits(place: int) -> int | None:
        tried.append(sizes[place])
        peak = probe(sizes[place])
        return peak if peak is not None and peak <= budget_bytes else None

    peak = fits(place)
    if peak is None:
        while peak is None:
            if place == 0:
                raise _too_little(estimates[0], budget_bytes)
            place -= 1
            peak = fits(place)
    else:
        while place + 1 < len(sizes) and (larger := fits(place + 1)) is not None:
            place, peak = place + 1, larger
    batch = Batch(sizes[place], sequences // sizes[place])
    return Fit(batch, estimates[place], peak, budget_bytes, tuple(tried))


def _too_little(needed: int, budget_bytes: int) -> ValueError:
    return ValueError(
        f"HYPER_PARAM=auto: not even one sequence fits; it takes about {needed / GIB:.1f} GiB and "
        f"there are {budget_bytes / GIB:.1f} GiB. Set a smaller BLOCK_SIZE or a smaller model."
    )


def step_bytes(
    config: Mapping[str, Any], speed: Speed, kernel: str, vocab_size: int, micro_batch: int
) -> int:
    """Most bytes of a training step: state, kept activations, and the largest temporaries.

    kernel: what computes the attention, as `attention_in_use` (gpt2/execution.py) names it.
    """
    tokens = micro_batch * config["BLOCK_SIZE"]
    # The gradients that flow back: of the hidden layer twice, and of the residual stream.
    backward = config["N_EMBD"] * (8 * _item(speed) + 2 * FLOAT32_BYTES)
    # The embedding, and what the head reads.
    stem = config["N_EMBD"] * (FLOAT32_BYTES + _item(speed))
    activations = config["N_LAYER"] * layer_bytes(config, speed, kernel) + stem + backward
    return (
        state_bytes(config, speed, vocab_size)
        + tokens * activations
        + logit_bytes(config, speed, vocab_size, tokens)
    )


def state_bytes(config: Mapping[str, Any], speed: Speed, vocab_size: int) -> int:
    """Weights, gradients, the optimizer's numbers, and autocast's copies of the weights."""
    parameters = parameter_count(config, vocab_size)
    casts = BFLOAT16_BYTES if speed.dtype == "bfloat16" else 0
    numbers = 2 * parameters + optimizer_numbers(config, vocab_size)
    return FLOAT32_BYTES * numbers + casts * parameters


def layer_bytes(config: Mapping[str, Any], speed: Speed, kernel: str) -> int:
    """What autograd keeps of one block, bytes a token."""
    shape = shape_of(config, 1)
    width, heads, length = shape.n_embd, shape.n_head, shape.block_size
    item, has_dropout = _item(speed), shape.dropout > 0
    # The input of each norm, which is of the residual stream and in float32; what the norms give
    # to the products; the output of the attention; and what the parts keep.
    widths = 2 + 1 + _kept_by_heads(shape) + _kept_by_feed_forward(shape) + _kept_by_step(config)
    kept = 2 * FLOAT32_BYTES * width + int(item * width * widths)
    if shape.normalization == "rmsnorm":
        kept += 2 * FLOAT32_BYTES * width
    if shape.qk_norm:
        # What the norms make of queries and keys, and in bfloat16 their casts before that.
        casts = 1 + (item < FLOAT32_BYTES)
        kept += int(casts * FLOAT32_BYTES * width * (1 + shape.n_kv_head / heads))
    if shape.ffn_type == "swiglu" and item < FLOAT32_BYTES:
        # Each of the two matrices has its own cast of the input.
        kept += item * width
    # The weights of the attention; with dropout also its mask, and what it left of them. A mask
    # has the dtype of what it masks on a processor; elsewhere it is smaller.
    weights = heads * length * (3 if has_dropout else 1)
    if kernel == "plain":
        kept += item * weights + length
    elif kernel == "math":
        # In float32 whatever the autocast, and so are its own queries and keys.
        kept += FLOAT32_BYTES * (weights + 2 * width)
    elif kernel == "evicting":
        kept += heads * length * _kept_of_a_weight(config, item, has_dropout) + length
    elif kernel == "blocked":
        keys = heads * (length + min(BLOCK_ROWS, length)) // 2
        kept += keys * (item + has_dropout)
    else:
        kept += FLOAT32_BYTES * heads  # the logarithm of each row's sum
    if has_dropout:
        kept += 2 * item * width
    return kept


def _kept_by_heads(shape: Shape) -> float:
    """Queries, keys and values as the attention keeps them, in widths of the stream."""
    share = shape.n_kv_head / shape.n_head
    projection = 1 + 2 * share
    is_grouped = share < 1
    if shape.qk_norm or shape.position_encoding == "rope":
        # New tensors of queries and keys; the values keep the storage of all three alive, unless
        # they are copied for each group of queries.
        return 3.0 if is_grouped else 1 + share + projection
    return projection + 2 if is_grouped else projection


def _kept_by_feed_forward(shape: Shape) -> float:
    """The hidden channels before and after the activation, in widths."""
    hidden = shape.ffn_hidden / shape.n_embd
    if shape.ffn_type == "swiglu":
        # The gate, what SiLU makes of it, the other, and their product.
        return 4 * hidden
    # The gradient of ReLU is known from what it gives.
    return hidden if shape.activation == "relu" else 2 * hidden


def _kept_of_a_weight(config: Mapping[str, Any], item: int, has_dropout: bool) -> int:
    """What an evicting attention keeps of one of its weights, in bytes."""
    step = step_of(config)
    assert step is not None
    # The weight in float32, and what multiplies the value; with dropout its mask, and for the
    # gradient of a learned size what dropout left.
    is_kept_dropped = has_dropout and step.eviction == "learned"
    return FLOAT32_BYTES * (1 + has_dropout + is_kept_dropped) + item


def _kept_by_step(config: Mapping[str, Any]) -> float:
    """What the blocks of a step of the reciprocal attention study keep beside the others."""
    step = step_of(config)
    if step is None:
        return 0.0
    more = 2 * (step.expansion - STANDARD_EXPANSION)
    if step.twin_of is not None:
        return more
    more += {"stock": 0, "reciprocal": 1, "tied": 3}[step.attention] + step.restart
    return more + (step.expansion if step.feed_forward == "reciprocal" else 0)


def logit_bytes(config: Mapping[str, Any], speed: Speed, vocab_size: int, tokens: int) -> int:
    """The logits, their logarithms, and the gradients of both, while all of them exist."""
    of_token = vocab_size * (2 * FLOAT32_BYTES + _item(speed))
    if speed.logit_rows is None or speed.logit_rows >= tokens:
        return tokens * of_token
    of_hidden = tokens * config["N_EMBD"] * _item(speed)
    of_weight = FLOAT32_BYTES * vocab_size * config["N_EMBD"]
    return speed.logit_rows * of_token + of_hidden + of_weight


def _item(speed: Speed) -> int:
    return BFLOAT16_BYTES if speed.dtype == "bfloat16" else FLOAT32_BYTES
