"""One seed, several independent random streams; and the streams that libraries keep for themselves.

Each use of randomness draws from a stream of its own, so that adding a draw to one (a pruning
tie-break, a dropout layer) moves no other: arms with the same seed keep the same initial weights
and the same batches.
"""

import hashlib
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

STREAMS = ("init", "data", "dropout", "pruning", "density", "sample")


def stream_seed(seed: int, stream: str) -> int:
    """A seed in [0, 2^63) for one of STREAMS; other streams and seeds give unrelated numbers."""
    assert stream in STREAMS, stream
    digest = hashlib.sha256(f"{stream}:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def random_state() -> dict[str, Any]:
    """Where the global streams of PyTorch (processor and every GPU), Python and numpy stand.

    Plain containers and tensors, as `torch.load(weights_only=True)` accepts them.
    """
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "python": random.getstate(),
        "numpy": [name, keys.tolist(), *rest],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Continue the streams where `random_state` saw them.

    Raises ValueError if the state has another number of GPUs than this process uses.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    if len(state["cuda"]) != gpus:
        raise ValueError(
            f"the saved random streams are of {len(state['cuda'])} GPUs and this process uses "
            f"{gpus}; continue on as many as there were"
        )
    torch.set_rng_state(state["torch"])
    if gpus:
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
