"""The random streams that PyTorch, Python and numpy keep for themselves: saved, and continued."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


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
