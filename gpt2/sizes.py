"""How large a model, its training state and its checkpoints are, by arithmetic.

Knows no torch: the plan of a matrix asks too. Tests compare each figure with the real thing.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gpt2.budget import tokens_per_step

FLOAT32_BYTES = 4
# Of a checkpoint: random streams, settings, the sums since the last log line.
BESIDE_TENSORS = 64 << 10
# The names and headers of a parameter and of what the optimizer and the pruning keep for it.
BESIDE_A_PARAMETER = 2 << 10
# The newest two checkpoints, and the one that is being written beside them.
NEWEST = 3


def parameter_count(config: Mapping[str, Any], vocab_size: int) -> int:
    """Parameters of the model that gpt2/model.py builds, without building it."""
    width, layers, bias = config["N_EMBD"], config["N_LAYER"], int(config["BIAS"])
    # qkv 3, projection 1, up 4, down 1 biases of one width; two norms of weight and bias.
    vectors = (3 + 1 + 4 + 1) * width * bias + 2 * width * (1 + bias)
    embeddings = (vocab_size * (1 if config["WEIGHT_TYING"] else 2) + config["BLOCK_SIZE"]) * width
    return _block_matrices(config) + layers * vectors + embeddings + width * (1 + bias)


def _block_matrices(config: Mapping[str, Any]) -> int:
    return 12 * config["N_LAYER"] * config["N_EMBD"] ** 2


def optimizer_numbers(config: Mapping[str, Any], vocab_size: int) -> int:
    """How many numbers the optimizer keeps for the parameters; its few counters not among them."""
    optimizer = config["OPTIMIZER"]
    if optimizer == "adamwprune":
        optimizer = config["ADAMWPRUNE_BASE"]
    parameters = parameter_count(config, vocab_size)
    if optimizer == "sgd":
        return parameters if config["SGD_MOMENTUM"] > 0 else 0
    if optimizer == "muon":
        return 2 * parameters - _block_matrices(config)
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
    tensors = 12 * config["N_LAYER"] + 5
    return BESIDE_TENSORS + tensors * BESIDE_A_PARAMETER


class DiskNeed(NamedTuple):
    """Bytes of a run's checkpoints, upper bounds: one file often serves several purposes."""

    running: int
    """While it goes on."""
    done: int
    """What it leaves."""


def disk_need(
    config: Mapping[str, Any], vocab_size: int, steps: int, train_tokens: int | None
) -> DiskNeed:
    """Of one run of `steps` steps; `train_tokens` None where an epoch's length is not known."""
    if not config["SAVE_CHECKPOINT"]:
        return DiskNeed(0, 0)
    running = checkpoint_bytes(config, vocab_size) * _files(config, steps, train_tokens)
    weights = FLOAT32_BYTES * parameter_count(config, vocab_size) + _beside(config)
    left = 2 * weights if config["CHECKPOINT_BEST"] else weights
    after = {"weights": left, "all": running + left, "none": 0}
    return DiskNeed(running, after[config["CHECKPOINT_AFTER_RUN"]])


def _files(config: Mapping[str, Any], steps: int, train_tokens: int | None) -> int:
    rolling = 0
    if config["CHECKPOINT_INTERVAL"]:
        rolling = min(config["CHECKPOINT_KEEP"], steps // config["CHECKPOINT_INTERVAL"])
    tokens = steps * tokens_per_step(config)
    epochs = math.inf if train_tokens is None else tokens // train_tokens
    at_epochs = int(min(config["CHECKPOINT_KEEP_EPOCHS"], epochs))
    return NEWEST + rolling + at_epochs + config["CHECKPOINT_BEST"]
