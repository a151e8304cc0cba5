import torch
from torch import nn

from lib.optimizers import (
    ConditionsGradients,
    ReportsEvents,
    ResetsMoments,
    condition_gradients,
    read_events,
    reset_interval,
    steps_since_reset,
)
from lib.optimizers.hooks import notes


def parameters():
    return [nn.Parameter(torch.ones(3))]


class Halving(torch.optim.SGD):
    """Does everything that an optimizer may do besides a step."""

    def condition_gradients(self, norm):
        return norm / 2

    def read_events(self):
        return {"spikes": 3.0}

    @property
    def steps_since_reset(self):
        return 7

    @property
    def reset_interval(self):
        return 500


def test_an_ordinary_optimizer_does_nothing_besides_its_step():
    optimizer = torch.optim.AdamW(parameters())
    norm = torch.tensor(2.0)
    assert condition_gradients(optimizer, norm) is norm
    assert read_events(optimizer) == {}
    assert (steps_since_reset(optimizer), reset_interval(optimizer)) == (None, None)


def test_an_optimizer_that_does_more_is_asked():
    optimizer = Halving(parameters())
    for protocol in (ConditionsGradients, ReportsEvents, ResetsMoments):
        assert isinstance(optimizer, protocol)
    assert condition_gradients(optimizer, torch.tensor(2.0)).item() == 1.0
    assert read_events(optimizer) == {"spikes": 3.0}
    assert (steps_since_reset(optimizer), reset_interval(optimizer)) == (7, 500)


class Doubtful(torch.optim.SGD):
    def notes(self):
        return ["this is unusual"]


def test_notes_are_those_of_the_optimizer():
    assert notes(torch.optim.AdamW(parameters())) == []
    assert notes(Doubtful(parameters())) == ["this is unusual"]
