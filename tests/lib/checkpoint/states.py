"""Small states for the tests: everything in them follows from the step."""

from typing import Any

import torch

from lib.checkpoint import SCHEMA, TRAINING, WEIGHTS, State, Tiers


def make_state(step: int, best: int | None = None, elements: int = 500) -> State:
    """What a trainer would save at `step`: header, weights with a tie, moments, odds and ends."""
    generator = torch.Generator().manual_seed(step)
    embedding = torch.randn(elements, generator=generator)
    return {
        "schema": SCHEMA,
        "kind": TRAINING,
        "step": step,
        "tokens": 1024 * step,
        "config_hash": "0123abcd",
        "settings": {"SEED": 1, "OPTIMIZER": ["adamw"], "LEARNING_RATE": 1e-3},
        "val_loss": 2.0 + 1 / (1 + step),
        "best": None if best is None else {"loss": 2.0, "step": best},
        "model": {"embedding": embedding, "head": embedding, "norm": torch.ones(8) * step},
        "optimizer": {0: {"step": torch.tensor(float(step)), "exp_avg": embedding * 2}},
        "rng": (3, (step, step + 1), None),
        "seen": {step},
    }


def make_weights(step: int, best: int | None = None) -> State:
    state = make_state(step, best)
    kept = ("schema", "step", "tokens", "config_hash", "settings", "val_loss", "best", "model")
    return {name: state[name] for name in kept} | {"kind": WEIGHTS}


def make_tiers(**given: Any) -> Tiers:
    plain = {"interval": 1, "rolling": 100, "epochs": 0, "limit_bytes": 0}
    return Tiers(**(plain | {"epoch_of": lambda step: None} | given))


def equal(one: Any, other: Any) -> bool:
    """Same types, same plain values, tensors of the same dtype, shape and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        same_look = one.dtype == other.dtype and one.shape == other.shape
        return same_look and _bits(one) == _bits(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other or (one != one and other != other)


def _bits(tensor: torch.Tensor) -> bytes:
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b""
