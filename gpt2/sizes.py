"""How large a model, its training state and its checkpoints are, by arithmetic.

Knows no torch: the plan of a matrix asks too. Tests compare each figure with the real thing.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gpt2.budget import tokens_per_step
from gpt2.reciprocal.counts import block_count
from gpt2.reciprocal.options import Options, step_of
from gpt2.shape import Shape, shape_of

FLOAT32_BYTES = 4
# Of a checkpoint: random streams, settings, the sums since the last log line.
BESIDE_TENSORS = 64 << 10
# The names and headers of a parameter and of what the optimizer and the pruning keep for it.
BESIDE_A_PARAMETER = 2 << 10
# The newest two checkpoints, and the one that is being written beside them.
NEWEST = 3


def parameter_count(config: Mapping[str, Any], vocab_size: int) -> int:
    """Parameters of the model that gpt2/model.py builds, without building it.

    vocab_size: rows of the token embedding, here and below.
    """
    shape = shape_of(config, vocab_size)
    width, layers = shape.n_embd, shape.n_layer
    step = step_of(config)
    vectors = _block_vectors(shape)
    if step is not None:
        vectors = block_count(step, shape, Options.of(config)).vectors
    norm = _norm(shape)
    vectors = layers * (vectors + 2 * norm) + (norm if shape.norm_position == "pre" else 0)
    tables = shape.vocab_size * (1 if shape.weight_tying else 2)
    if shape.position_encoding == "learned-absolute":
        tables += shape.block_size
    return block_matrices(config, shape) + vectors + tables * width


def block_matrices(config: Mapping[str, Any], shape: Shape) -> int:
    """Weights of the matrices of all blocks: what may be pruned, and what Muon takes."""
    step = step_of(config)
    if step is not None:
        return shape.n_layer * block_count(step, shape, Options.of(config)).matrices
    keys_and_values = 2 * shape.n_kv_head * shape.head_size
    attention = shape.n_embd * (2 * shape.n_embd + keys_and_values)
    feed_forward = (3 if shape.ffn_type == "swiglu" else 2) * shape.n_embd * shape.ffn_hidden
    return shape.n_layer * (attention + feed_forward)


def _block_vectors(shape: Shape) -> int:
    """Biases and norms inside of the layers of a block."""
    vectors = 2 * shape.head_size if shape.qk_norm else 0
    if shape.bias:
        keys_and_values = 2 * shape.n_kv_head * shape.head_size
        hidden = (2 if shape.ffn_type == "swiglu" else 1) * shape.ffn_hidden
        # Of queries and keys and values, the projection, the hidden channels, and back.
        vectors += shape.n_embd + keys_and_values + shape.n_embd + hidden + shape.n_embd
    return vectors


def _norm(shape: Shape) -> int:
    return shape.n_embd * (2 if shape.normalization == "layernorm" else 1)


def optimizer_numbers(config: Mapping[str, Any], vocab_size: int) -> int:
    """How many numbers the optimizer keeps for the parameters; its few counters not among them."""
    optimizer = config["OPTIMIZER"]
    if optimizer == "adamwprune":
        optimizer = config["ADAMWPRUNE_BASE"]
    parameters = parameter_count(config, vocab_size)
    if optimizer == "sgd":
        return parameters if config["SGD_MOMENTUM"] > 0 else 0
    if optimizer == "muon":
        return 2 * parameters - block_matrices(config, shape_of(config, vocab_size))
    has_amsgrad = optimizer == "adamwadv" or (optimizer == "adamwspam" and config["SPAM_AMSGRAD"])
    return (3 if has_amsgrad else 2) * parameters


def checkpoint_bytes(config: Mapping[str, Any], vocab_size: int) -> int:
    """The most that a checkpoint takes: weights, optimizer, and what the pruning keeps."""
    parameters = parameter_count(config, vocab_size)
    numbers = parameters + optimizer_numbers(config, vocab_size)
    masks = 0 if config["PRUNING_METHOD"] == "none" else parameters
    if config["PRUNING_METHOD"].startswith("movement"):
        numbers += parameters
    return FLOAT32_BYTES * numbers + masks + _beside(config)


def _beside(config: Mapping[str, Any]) -> int:
    tensors = 24 * config["N_LAYER"] + 5
    return BESIDE_TENSORS + tensors * BESIDE_A_PARAMETER


class DiskNeed(NamedTuple):
    """Bytes of a run's checkpoints, upper bounds: one file often serves several purposes."""

    running: int
    """While it goes on."""
    done: int
    """What it leaves."""


def disk_need(
    config: Mapping[str, Any], vocab_size: int, steps: int | None, train_tokens: int | None
) -> DiskNeed:
    """Of one run of `steps` steps, None where a time ends it; `train_tokens` None where an epoch's
    length is not known."""
    if not config["SAVE_CHECKPOINT"]:
        return DiskNeed(0, 0)
    running = checkpoint_bytes(config, vocab_size) * _files(config, steps, train_tokens)
    weights = FLOAT32_BYTES * parameter_count(config, vocab_size) + _beside(config)
    left = 2 * weights if config["CHECKPOINT_BEST"] else weights
    after = {"weights": left, "all": running + left, "none": 0}
    return DiskNeed(running, after[config["CHECKPOINT_AFTER_RUN"]])


def _files(config: Mapping[str, Any], steps: int | None, train_tokens: int | None) -> int:
    number = math.inf if steps is None else steps
    rolling = 0
    if config["CHECKPOINT_INTERVAL"]:
        rolling = int(min(config["CHECKPOINT_KEEP"], number / config["CHECKPOINT_INTERVAL"]))
    tokens = number * tokens_per_step(config)
    epochs = math.inf if train_tokens is None else tokens / train_tokens
    at_epochs = int(min(config["CHECKPOINT_KEEP_EPOCHS"], epochs))
    return NEWEST + rolling + at_epochs + config["CHECKPOINT_BEST"]
