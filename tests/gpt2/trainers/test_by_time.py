"""Runs that a time ends, trained with a clock of the test's: each step takes what the test says."""

import pytest

from gpt2.evaluate import evaluate
from gpt2.trainers import base
from gpt2.trainers.step import TrainingStep
from lib import clock
from lib.anatomy import Anatomy
from lib.metrics import read_metrics
from tests.gpt2.training import repeatable

# It adds up without rounding, and all steps take as long: so a resumed run can be equal to the bit.
STEP_S, EVALUATION_S = 0.125, 100.0

BY_TIME = {"MAX_TIME": 3, "MAX_ITERS": 0, "LOG_INTERVAL": 5, "EVAL_INTERVAL": 8, "DROPOUT": "0.1"}


class Time:
    """In place of the module."""

    now = 0.0

    @classmethod
    def perf_counter(cls) -> float:
        return cls.now


@pytest.fixture
def turned_clock(monkeypatch):
    """Only steps and evaluations take time."""
    step, original = TrainingStep.__call__, evaluate

    def take_time(self, number):
        outcome = step(self, number)
        Time.now += STEP_S
        return outcome

    def take_long(*arguments):
        Time.now += EVALUATION_S
        return original(*arguments)

    monkeypatch.setattr(clock, "time", Time)
    monkeypatch.setattr(TrainingStep, "__call__", take_time)
    monkeypatch.setattr(base, "evaluate", take_long)


@pytest.fixture
def late_clock(turned_clock, monkeypatch):
    """The same of a GPU: the host hands out steps, and they take their time when it waits."""
    step, settle = TrainingStep.__call__, Anatomy.settle
    handed_out = []

    def hand_out(self, number):
        now = Time.now
        outcome = step(self, number)
        handed_out.append(Time.now - now)
        Time.now = now
        return outcome

    def wait(self):
        Time.now += sum(handed_out)
        handed_out.clear()
        settle(self)

    monkeypatch.setattr(TrainingStep, "__call__", hand_out)
    monkeypatch.setattr(Anatomy, "settle", wait)


@pytest.fixture
def timed(turned_clock, train):
    return lambda **options: train(**BY_TIME | options)


def rows(run, *kinds):
    # The clock that the test turns is repeatable too.
    return [
        repeatable(row) | {"time_s": row["time_s"]}
        for row in read_metrics(run.metrics_path, set(kinds))
    ]


def test_the_time_ends_it_and_its_schedules_are_at_their_ends(timed, one_run):
    outcome, run = timed(PRUNING_METHOD="magnitude", WARMUP_STEPS=3)
    assert outcome.status == "done", outcome.reason
    measured = outcome.measured
    assert measured["steps"] == 24
    assert measured["time"]["train_s"] == 3.0
    assert measured["pruning"]["achieved_sparsity"] == pytest.approx(0.5, abs=1e-3)
    last = rows(run, "train")[-1]
    assert (last["step"], last["learning_rate"]) == (24, 6e-5)
    evaluations = rows(run, "eval")
    assert [row["step"] for row in evaluations] == [8, 16, 24]
    assert [row["is_full_split"] for row in evaluations][-1]
    # Three evaluations and one on the sampled windows, of which nothing counts.
    assert measured["time"]["eval_s"] >= 3 * EVALUATION_S
    summary = outcome.summary("a-run", "0" * 64, one_run(**BY_TIME))
    assert summary["budget"] == {"seconds": 3.0, "most_steps": None}
    assert outcome.summary("a-run", "0" * 64, one_run())["budget"] is None
    assert run.provenance()["determinism"] == "statistical"


@pytest.mark.parametrize("steps", [[24], [8, 16, 23]], ids=str)
def test_stopped_and_continued_it_uses_what_was_left(
    turned_clock, timed, interrupted, final_weights, equal, steps
):
    """With this clock to the bit; with a true one no two runs are equal."""
    options = BY_TIME | {"PRUNING_METHOD": "magnitude"}
    straight, run = timed(PRUNING_METHOD="magnitude")
    resumed, run_again = interrupted(steps, **options)
    assert resumed.measured["steps"] == straight.measured["steps"] == 24
    assert resumed.measured["time"]["train_s"] == 3.0
    kinds = ("train", "eval", "prune")
    assert rows(run_again, *kinds) == rows(run, *kinds)
    assert equal(final_weights[0], final_weights[-1])


def test_a_clock_that_is_late_is_waited_for_near_the_end(late_clock, timed):
    """The log lines, at which a GPU is waited for anyway, are at the steps 20 and 25."""
    outcome, _ = timed()
    # What the first steps took is seen only after them, so that a step seems a little longer.
    assert 23 <= outcome.measured["steps"] <= 24


def test_a_limit_of_steps_that_is_given_with_it_counts(timed):
    outcome, run = timed(MAX_ITERS=10)
    assert outcome.measured["steps"] == 10
    assert rows(run, "train")[-1]["learning_rate"] == 6e-5


def test_a_warm_up_longer_than_the_time_is_told(timed):
    outcome, run = timed(WARMUP_STEPS=500)
    assert outcome.status == "done"
    told = "the warm-up of 500 steps took all the 24 that fitted into 3 s"
    assert told in run.log_path.read_text()
    assert rows(run, "train")[-1]["learning_rate"] == 6e-5


def test_a_step_of_the_study_wakes_at_a_quarter_of_the_time(timed):
    outcome, _ = timed(ARCHITECTURE="unified-ra", RA_STEP="v12", MAX_TIME=2)
    activation = outcome.measured["reciprocal"]["activation"]
    assert activation["reason"] == "forced"
    # The first step that begins after it.
    assert activation["woken_at"] == 5
