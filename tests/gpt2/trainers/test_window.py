import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpt2.trainers.window import Window


def test_means_over_the_steps():
    window = Window("cpu")
    for value in (1.0, 2.0, 6.0):
        window.add(torch.tensor(value), torch.tensor(10 * value), torch.tensor(value > 1.5))
    assert window.steps == 3
    figures = window.read()
    assert (figures.loss, figures.gradient_norm) == (3.0, 30.0)
    assert figures.clipped == pytest.approx(2 / 3)
    assert figures.loss_variance == pytest.approx(7.0)


def add_losses(window, losses):
    for loss in losses:
        window.add(torch.tensor(loss), torch.tensor(1.0), None)


@given(
    st.floats(0.0, 11.0),
    st.floats(1e-4, 3.0),
    st.lists(st.integers(-100, 100), min_size=2, max_size=60),
    st.integers(0, 60),
)
def test_the_variance_is_that_of_the_losses(level, scale, noise, cut):
    """By the standard library, also through a checkpoint; small ones on a high level too."""
    losses = torch.tensor([level + scale * each / 100 for each in noise]).tolist()
    window = Window("cpu")
    add_losses(window, losses[:cut])
    resumed = Window("cpu")
    resumed.load_state_dict(window.state_dict())
    add_losses(resumed, losses[cut:])
    # What float32 cannot tell apart at this level.
    grain = 1e-6 * max(map(abs, losses)) * (max(losses) - min(losses))
    expected = statistics.variance(losses)
    assert resumed.read().loss_variance == pytest.approx(expected, rel=1e-4, abs=grain)


def test_one_step_has_no_variance():
    window = Window("cpu")
    add_losses(window, [3.0])
    assert window.read().loss_variance is None


def test_a_checkpoint_without_the_spread_leaves_the_variance_unknown_and_the_means_known():
    window = Window("cpu")
    add_losses(window, [3.0, 5.0])
    state = window.state_dict()
    del state["spread"]
    resumed = Window("cpu")
    resumed.load_state_dict(state)
    add_losses(resumed, [7.0])
    figures = resumed.read()
    assert figures.loss == 5.0
    assert figures.loss_variance != figures.loss_variance


def test_without_a_clip_nothing_is_clipped():
    window = Window("cpu")
    window.add(torch.tensor(1.0), torch.tensor(1.0), None)
    assert window.read().clipped == 0.0


def test_adding_never_reads(monkeypatch):
    """A read would wait for the device at every step."""
    window = Window("cpu")

    def refuse(self):
        raise AssertionError("read from the device")

    for name in ("item", "__bool__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    window.add(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(True))
