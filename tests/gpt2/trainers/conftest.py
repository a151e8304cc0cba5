import os
import signal

import pytest
import torch

from gpt2.trainers import base
from gpt2.trainers.resume import LATEST
from gpt2.trainers.run import Outcome
from gpt2.trainers.step import TrainingStep
from lib.runs import RunDirectory
from lib.signals import Stopped
from tests.gpt2.training import train_here


@pytest.fixture(scope="session")
def short_text(tmp_path_factory):
    """60 kB with something to learn: the whole validation split costs milliseconds."""
    path = tmp_path_factory.mktemp("text") / "counting.txt"
    path.write_text(
        "".join(f"{number} and {number + 1} make {2 * number + 1}.\n" for number in range(2500))
    )
    return path


@pytest.fixture
def empty_run(tmp_path):
    """empty_run(): a new run folder, without a frozen configuration."""

    def make() -> RunDirectory:
        run = RunDirectory(tmp_path / f"run-{len(list(tmp_path.iterdir()))}")
        run.path.mkdir()
        return run

    return make


@pytest.fixture
def train(one_run, empty_run, short_text):
    """train(NAME=value, ...) -> (outcome, folder): a run of the smallest size, in this process.

    `run` continues an earlier one.
    """
    data = {"DATASET": "custom", "CUSTOM_PATH": short_text, "CUSTOM_TOKENIZER": "bytes"}

    def go(
        run: RunDirectory | None = None, start_from: str = LATEST, **overrides: object
    ) -> tuple[Outcome, RunDirectory]:
        settings = one_run(**(data | overrides))
        run = run or empty_run()
        return train_here(run, settings, start_from=start_from), run

    return go


@pytest.fixture
def final_weights(monkeypatch):
    """The weights of every model that is trained, by the order of the trainings."""
    seen = []
    original = base.BaseGPT2Trainer.train

    def train_and_keep(self):
        try:
            original(self)
        finally:
            seen.append({n: p.detach().clone() for n, p in self.model.named_parameters()})

    monkeypatch.setattr(base.BaseGPT2Trainer, "train", train_and_keep)
    return seen


@pytest.fixture
def equal():
    """equal(weights, other_weights): the same bits in every tensor."""
    return lambda first, second: all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def stop_at(monkeypatch):
    """stop_at(step): SIGTERM comes during that optimizer step, once."""

    def arm(step: int) -> None:
        call = TrainingStep.__call__

        def and_stop(self, number):
            outcome = call(self, number)
            if number == step:
                monkeypatch.setattr(TrainingStep, "__call__", call)
                os.kill(os.getpid(), signal.SIGTERM)
            return outcome

        monkeypatch.setattr(TrainingStep, "__call__", and_stop)

    return arm


@pytest.fixture
def interrupted(train, stop_at, empty_run):
    """interrupted(steps, NAME=value, ...): stopped at each of these steps, then run to its end."""

    def go(steps, **settings):
        run = empty_run()
        for step in steps:
            stop_at(step)
            with pytest.raises(Stopped):
                train(run=run, **settings)
        return train(run=run, **settings)

    return go
