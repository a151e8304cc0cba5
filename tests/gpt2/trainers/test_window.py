import pytest
import torch

from gpt2.trainers.window import Window


def test_means_over_the_steps():
    window = Window("cpu")
    for value in (1.0, 2.0, 6.0):
        window.add(torch.tensor(value), torch.tensor(10 * value), torch.tensor(value > 1.5))
    assert window.steps == 3
    means = window.means()
    assert means == pytest.approx({"loss": 3.0, "gradient_norm": 30.0, "clipped": 2 / 3})


def test_without_a_clip_nothing_is_clipped():
    window = Window("cpu")
    window.add(torch.tensor(1.0), torch.tensor(1.0), None)
    assert window.means()["clipped"] == 0.0


def test_adding_never_reads(monkeypatch):
    """A read would wait for the device at every step."""
    window = Window("cpu")

    def refuse(self):
        raise AssertionError("read from the device")

    for name in ("item", "__bool__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    window.add(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(True))
