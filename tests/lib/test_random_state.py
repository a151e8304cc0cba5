import random

import numpy as np
import pytest
import torch

from lib.random_state import random_state, restore_random_state


def draws():
    return (
        torch.rand(3).tolist(),
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.standard_normal(3).tolist(),
    )


def test_the_global_streams_continue_where_they_were_saved(tmp_path):
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    # An odd number of normal deviates: both libraries keep the second of a pair for the next call.
    draws()
    # Through a file, as a checkpoint goes.
    torch.save(random_state(), tmp_path / "streams.pt")
    wanted = draws()
    draws()
    restore_random_state(torch.load(tmp_path / "streams.pt", weights_only=True))
    assert draws() == wanted


@pytest.mark.parametrize("stream", ["torch", "python", "numpy"])
def test_each_stream_counts(stream):
    before = random_state()
    wanted = draws()
    restore_random_state(random_state() | {k: v for k, v in before.items() if k != stream})
    assert draws() != wanted


def test_streams_of_another_number_of_gpus_are_refused():
    with pytest.raises(ValueError, match="2 GPUs and this process uses 0"):
        restore_random_state(random_state() | {"cuda": [torch.zeros(1), torch.zeros(1)]})
