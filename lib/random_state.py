"""The random streams that PyTorch, Python and numpy keep for themselves: saved, and continued."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def device_generator(device: str) -> torch.Generator:
    """PyTorch's own generator of the device that this process uses ("cpu" or "cuda")."""
    if device == "cpu":
        return torch.default_generator
    return torch.cuda.default_generators[torch.cuda.current_device()]


def random_state(device: str) -> dict[str, Any]:
    """Where the global streams of PyTorch, Python and numpy stand.

    Of PyTorch: the stream of the processor and, where `device` is a GPU, the stream of the GPU
    that this process uses. A GPU that is only visible does not count: a run that is continued
    under another lease sees another number of them.
    Plain containers and tensors, as `torch.load(weights_only=True)` accepts them.
    """
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "device": None if device == "cpu" else device_generator(device).get_state(),
        "python": random.getstate(),
        "numpy": [name, keys.tolist(), *rest],
    }


def restore_random_state(state: Mapping[str, Any], device: str) -> None:
    """Continue the streams where `random_state` saw them.

    On another kind of device than before, the stream of the new device stays where it is.
    """
    torch.set_rng_state(state["torch"])
    # A state from before streams were saved by device has no such entry.
    saved = state.get("device")
    if saved is not None and device != "cpu":
        device_generator(device).set_state(saved)
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
