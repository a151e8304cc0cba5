"""One thread for tiny tensors, and a store in a folder of its own."""

import pytest
import torch

from lib.checkpoint import CheckpointStore
from tests.lib.checkpoint.states import make_state, make_tiers


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints")


@pytest.fixture
def save(store):
    """save(step, best=None, tiers=..., **changes): as the writer does it, without a thread."""

    def make(step, best=None, tiers=None, **changes):
        state = make_state(step, best) | changes
        needed = store.check_space(step, 10_000)
        return store.save(state, tiers or make_tiers(), needed, stall_s=0.0)

    return make
