"""A run that was stopped and continued has the bits of one that was not."""

import copy
import os
import signal

import pytest
import torch

from gpt2.datasets.sampler import ValidationWindows
from gpt2.trainers import state
from gpt2.trainers.identity import ForeignCheckpoint
from gpt2.trainers.resume import RESTART
from lib.metrics import read_metrics
from lib.optimizers import OPTIMIZERS
from lib.pruning import METHODS
from lib.signals import Stopped
from tests.gpt2.training import repeatable

# Dropout, accumulation, two epochs of short lines: every stream and counter moves.
SMALL = {"DROPOUT": "0.1", "GRADIENT_ACCUMULATION": 2, "LOG_INTERVAL": 5, "EVAL_INTERVAL": 8}


def rows(run):
    kinds = {"train", "eval", "prune", "spike"}
    return [repeatable(row) for row in read_metrics(run.metrics_path, kinds)]


@pytest.mark.parametrize("steps", [[1], [5], [7], [8], [19], [20], [3, 8, 9, 16]], ids=str)
def test_wherever_it_is_stopped(train, interrupted, final_weights, equal, steps):
    straight, run = train(PRUNING_METHOD="magnitude", **SMALL)
    resumed, run_again = interrupted(steps, PRUNING_METHOD="magnitude", **SMALL)
    assert equal(final_weights[0], final_weights[-1])
    assert rows(run_again) == rows(run)
    for entry in ("tokens", "steps", "val_loss", "val_best", "val_tokens", "pruning", "params"):
        assert resumed.measured[entry] == straight.measured[entry], entry
    assert len(run_again.attempts()) == len(steps) + 1


SPAM = {"SPAM_PRESET": "seed"}


def test_in_the_middle_of_an_evaluation(train, empty_run, final_weights, equal, monkeypatch):
    straight, run = train(**SMALL)
    batches = ValidationWindows.batches
    begun = []

    def and_stop(self, batch_size):
        begun.append(batch_size)
        for number, rows in enumerate(batches(self, batch_size)):
            # The second evaluation, when it has begun.
            if len(begun) == 2 and number == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            yield rows

    run_again = empty_run()
    with monkeypatch.context() as patch:
        patch.setattr(ValidationWindows, "batches", and_stop)
        with pytest.raises(Stopped):
            train(run=run_again, **SMALL)
    assert [row["step"] for row in read_metrics(run_again.metrics_path, {"eval"})] == [8]
    train(run=run_again, **SMALL)
    assert equal(final_weights[0], final_weights[-1])
    assert rows(run_again) == rows(run)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(train, interrupted, final_weights, equal, optimizer):
    settings = SMALL | {"OPTIMIZER": optimizer} | (SPAM if optimizer == "adamwspam" else {})
    train(**settings)
    interrupted([11], **settings)
    assert equal(final_weights[0], final_weights[-1])


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("none", "state")])
def test_every_pruning_method(train, interrupted, final_weights, equal, method):
    settings = SMALL | {"PRUNING_METHOD": method}
    train(**settings)
    interrupted([11], **settings)
    assert equal(final_weights[0], final_weights[-1])


@pytest.mark.slow
@pytest.mark.parametrize("base", ["adamw", "adamwadv", "adamwspam"])
@pytest.mark.parametrize("variant", [f"bitter{number}" for number in range(10)])
def test_every_variant_on_its_bases(train, interrupted, final_weights, equal, base, variant):
    settings = SMALL | {
        "OPTIMIZER": "adamwprune",
        "PRUNING_METHOD": "state",
        "ADAMWPRUNE_BASE": base,
        "ADAMWPRUNE_VARIANT": variant,
    }
    if base == "adamwspam":
        settings |= SPAM
    train(**settings)
    interrupted([11], **settings)
    assert equal(final_weights[0], final_weights[-1])


def test_spikes_come_where_they_would_have(train, interrupted, final_weights, equal):
    spikes = {"SPIKE_INJECTION": "y", "SPIKE_FIRST_STEP": 6, "SPIKE_INTERVAL": 4}
    train(OPTIMIZER="adamwspam", **SPAM, **SMALL, **spikes)
    interrupted([7], OPTIMIZER="adamwspam", **SPAM, **SMALL, **spikes)
    assert equal(final_weights[0], final_weights[-1])


def test_it_says_where_it_goes_on(interrupted):
    _, run = interrupted([7], **SMALL)
    log = run.log_path.read_text()
    assert "continuing from step 7" in log


@pytest.mark.parametrize("entry", ["model", "optimizer", "pruner", "window"])
def test_what_is_forgotten_is_noticed(train, interrupted, final_weights, equal, monkeypatch, entry):
    """The tests above would be worth little if they passed without an entry."""
    settings = SMALL | {"PRUNING_METHOD": "movement"}
    _, run = train(**settings)
    restore = state.restore

    def without(trainer, saved):
        fresh = copy.deepcopy(state.capture(trainer)[entry])
        restore(trainer, {**saved, entry: fresh})

    monkeypatch.setattr("gpt2.trainers.resume.restore", without)
    try:
        _, run_again = interrupted([11], **settings)
    except ValueError:
        # The pruner's counts and the zeros of the weights no longer agree.
        return
    assert not (equal(final_weights[0], final_weights[-1]) and rows(run) == rows(run_again))


def test_everything_that_is_saved_is_taken_up(interrupted, monkeypatch):
    """Whatever entry there is: a trainer that was restored would save the same again."""
    seen = []
    restore = state.restore

    def and_look(trainer, saved):
        before = copy.deepcopy(saved)
        restore(trainer, saved)
        seen.append((before, copy.deepcopy(state.capture(trainer))))

    monkeypatch.setattr("gpt2.trainers.resume.restore", and_look)
    interrupted([17], PRUNING_METHOD="movement", OPTIMIZER="adamwspam", **SPAM, **SMALL)
    ((saved, again),) = seen
    assert saved["best"]["step"] == saved["evaluated_step"] == 16
    assert saved["clock"]["seconds"]["train"] > 0
    for entry in ("clock", "kind"):
        saved.pop(entry), again.pop(entry)
    assert same(saved, again) == []


def same(first, second, where=""):
    """Where two nested states differ."""
    if isinstance(first, dict) != isinstance(second, dict):
        return [f"{where}: types"]
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) and first.dtype == second.dtype else [where]
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [f"{where}: keys"]
        return [w for key in first for w in same(first[key], second[key], f"{where}/{key}")]
    if isinstance(first, list | tuple):
        if len(first) != len(second):
            return [f"{where}: length"]
        pairs = enumerate(zip(first, second, strict=True))
        return [w for i, (a, b) in pairs for w in same(a, b, f"{where}/{i}")]
    return [] if first == second else [where]


def test_from_the_best_checkpoint(train, stop_at, empty_run, final_weights, equal):
    """Later checkpoints are set aside, and the end is the same."""
    train(**SMALL)
    run = empty_run()
    stop_at(19)
    with pytest.raises(Stopped):
        train(run=run, CHECKPOINT_INTERVAL=3, **SMALL)
    steps = sorted(path.name for path in run.checkpoints_path.glob("step-*.pt"))
    assert "step-000016.pt" in steps
    assert "step-000019.pt" in steps
    stop_at(17)
    with pytest.raises(Stopped):
        train(run=run, start_from="best", **SMALL)
    log = run.log_path.read_text()
    assert "step 16, as --resume says" in log
    assert (run.checkpoints_path / "step-000019.pt.superseded").exists()
    train(run=run, **SMALL)
    assert equal(final_weights[0], final_weights[-1])


def test_from_the_beginning_on_purpose(
    interrupted, train, stop_at, empty_run, final_weights, equal
):
    train(**SMALL)
    run = empty_run()
    stop_at(12)
    with pytest.raises(Stopped):
        train(run=run, **SMALL)
    train(run=run, start_from=RESTART, **SMALL)
    assert equal(final_weights[0], final_weights[-1])
    assert "going back to step 0" in run.log_path.read_text()
    assert [row["step"] for row in read_metrics(run.metrics_path, {"train"})] == [5, 10, 15, 20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"OPTIMIZER": "muon"}}, "OPTIMIZER is muon there and not set here"),
        ({"config_hash": "f" * 64}, "its configuration has the hash ffffffff, this run 00000000"),
        ({"data_hash": "f" * 64}, "its data have the hash ffffffff"),
        ({"world_size": 2}, "it is of 2 processes, this run has one"),
    ],
    ids=["settings", "config", "data", "processes"],
)
def test_a_checkpoint_of_another_run_is_refused_with_the_difference(
    train, stop_at, empty_run, change, message
):
    run = empty_run()
    stop_at(12)
    with pytest.raises(Stopped):
        train(run=run, **SMALL)
    path = run.checkpoints_path / "step-000012.pt"
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(ForeignCheckpoint, match=message) as refused:
        train(run=run, **SMALL)
    assert refused.value.exit_status == 2
    assert path.exists()


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(
    train, stop_at, empty_run, final_weights, equal
):
    train(**SMALL)
    run = empty_run()
    stop_at(12)
    with pytest.raises(Stopped):
        train(run=run, CHECKPOINT_INTERVAL=5, **SMALL)
    path = run.checkpoints_path / "step-000012.pt"
    path.write_bytes(path.read_bytes()[:-100])
    train(run=run, **SMALL)
    log = run.log_path.read_text()
    assert "continuing from step 10, the newest checkpoint that is whole" in log
    assert "step-000012.pt.bad" in log
    assert equal(final_weights[0], final_weights[-1])


def test_other_threads_are_noted(train, stop_at, empty_run):
    run = empty_run()
    stop_at(12)
    with pytest.raises(Stopped):
        train(run=run, **SMALL)
    path = run.checkpoints_path / "step-000012.pt"
    state = torch.load(path, weights_only=True)
    state["environment"]["threads"] = 64
    torch.save(state, path)
    train(run=run, **SMALL)
    assert "note: threads was 64 and is 1 now: the last bits" in run.log_path.read_text()


def test_without_checkpoints_it_starts_again(train, stop_at, empty_run, final_weights, equal):
    train(**SMALL)
    run = empty_run()
    stop_at(12)
    with pytest.raises(Stopped):
        train(run=run, SAVE_CHECKPOINT="n", **SMALL)
    assert not run.checkpoints_path.exists()
    train(run=run, SAVE_CHECKPOINT="n", **SMALL)
    assert equal(final_weights[0], final_weights[-1])
