"""Events after a reset of the moments: who waits, how long, and across a checkpoint."""

import pytest
import torch

from lib.pruning import build_pruner, check_outcome
from lib.pruning.due import Due
from lib.pruning.schedule import Schedule
from lib.pruning.schedule import linear as shape
from tests.lib.pruning.tiny_run import OPTIMIZER, PRUNING, STEPS, parameters


class Resetting(torch.optim.AdamW):
    """AdamW that says when its moments were zeroed; `since` is set by the test."""

    since = None
    interval = None

    @property
    def steps_since_reset(self):
        return self.since

    @property
    def reset_interval(self):
        return self.interval


def optimizer(named, interval=None, since=None):
    made = Resetting([p for _, p in named], lr=OPTIMIZER["LEARNING_RATE"])
    made.interval, made.since = interval, since
    return made


def schedule(frequency=20, total=1000):
    return Schedule(
        shape=shape, target=0.5, begin=100, end=900, frequency=frequency, total_steps=total
    )


def events(due, opt, resets_every, steps):
    """(step, waited) of every event, with a reset at each multiple of `resets_every`."""
    found = []
    for step in steps:
        opt.since = step % resets_every if step >= resets_every else None
        waited = due.waited(step)
        if waited is not None:
            found.append((step, waited))
    return found


def test_events_wait_fifty_steps_after_a_reset():
    opt = optimizer(parameters(), interval=400)
    due = Due(schedule(frequency=100), opt, reads_moments=True)
    found = events(due, opt, 400, range(1, 1001))
    assert found == [
        (100, 0), (200, 0), (300, 0), (450, 50), (500, 0), (600, 0), (700, 0), (850, 50), (900, 0)
    ]  # fmt: skip


def test_events_that_fall_due_meanwhile_are_one_with_it():
    opt = optimizer(parameters(), interval=400)
    due = Due(schedule(frequency=20), opt, reads_moments=True)
    found = events(due, opt, 400, range(380, 481))
    # Due at 400, 420 and 440; held until 450; 460 is on time again.
    assert found == [(380, 0), (450, 50), (460, 0), (480, 0)]


def test_a_short_interval_halves_the_wait():
    opt = optimizer(parameters(), interval=20)
    due = Due(schedule(frequency=20), opt, reads_moments=True)
    assert events(due, opt, 20, range(100, 141)) == [(110, 10), (130, 10)]


def test_the_last_step_of_the_run_waits_for_nothing():
    opt = optimizer(parameters(), interval=1000)
    plan = Schedule(shape=shape, target=0.5, begin=100, end=990, frequency=2000, total_steps=1000)
    due = Due(plan, opt, reads_moments=True)
    opt.since = 3
    assert [due.waited(step) for step in (989, 990, 995, 999)] == [None] * 4
    assert due.waited(1000) == 10


@pytest.mark.parametrize(("since", "interval"), [(None, 500), (None, None), (7, None)])
def test_without_a_reset_nothing_waits(since, interval):
    due = Due(schedule(), optimizer(parameters(), interval, since), reads_moments=True)
    assert due.waited(100) == 0


def test_scores_without_moments_never_wait():
    opt = optimizer(parameters(), interval=400, since=0)
    assert Due(schedule(), opt, reads_moments=False).waited(400) == 0
    assert Due(schedule(), opt, reads_moments=True).waited(400) is None


class Trained:
    """The tiny run by hand, on the optimizer above: a reset at step 41, where an event is due."""

    def __init__(self, method, variant="bitter0"):
        self.named = parameters()
        self.optimizer = optimizer(self.named, interval=24)
        settings = PRUNING | {"ADAMWPRUNE_VARIANT": variant}
        self.pruner = build_pruner(method, self.named, self.optimizer, settings, STEPS)
        self.events = []

    def train(self, first, last):
        for step in range(first, last + 1):
            self.optimizer.since = step - 41 if step >= 41 else None
            for _, p in self.named:
                p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
            self.pruner.gate_gradients()
            self.optimizer.step()
            event = self.pruner.step(step)
            if event is not None:
                self.events.append((step, event.waited_steps))
                assert round(event.achieved * 89) == round(event.target * 89)
                assert event.row()["waited_steps"] == event.waited_steps
        return self


ON_TIME = [(step, 0) for step in (20, 27, 34, 41, 48, 55, 60)]
WAITING = [(20, 0), (27, 0), (34, 0), (53, 12), (55, 0), (60, 0)]


@pytest.mark.parametrize(
    ("method", "variant", "expected"),
    [
        ("magnitude", None, ON_TIME),
        ("movement", None, ON_TIME),
        ("movement-displacement", None, ON_TIME),
        ("random", None, ON_TIME),
        ("state", "bitter1", ON_TIME),
        ("state", "bitter2", ON_TIME),
        *(("state", f"bitter{i}", WAITING) for i in (0, 3, 4, 5, 6, 7, 8, 9)),
        ("obd", None, WAITING),
        ("salpha", None, WAITING),
    ],
)
def test_only_scores_of_the_moments_wait(method, variant, expected):
    run = Trained(method, variant).train(1, STEPS)
    assert run.events == expected
    assert check_outcome(run.pruner, 0.5) is None


def test_the_waiting_event_survives_a_resume():
    straight = Trained("state").train(1, STEPS)
    first = Trained("state").train(1, 50)
    assert first.pruner.state_dict()["pending"] == 41
    second = Trained("state")
    with torch.no_grad():
        for (_, p), (_, q) in zip(second.named, first.named, strict=True):
            p.copy_(q)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.pruner.load_state_dict(first.pruner.state_dict())
    second.train(51, STEPS)
    assert first.events + second.events == straight.events
    for (name, p), (_, q) in zip(straight.named, second.named, strict=True):
        assert torch.equal(p, q), name
