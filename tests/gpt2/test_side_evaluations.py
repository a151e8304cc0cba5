"""Samples and questions come when they are due, and the training does not notice them."""

import json
import os
import signal
from contextlib import nullcontext

import pytest
import torch

from gpt2.datasets.errors import DataError
from gpt2.side_evaluations import SHOWN_CHARACTERS, SideEvaluations
from gpt2.trainers import base
from lib.metrics import read_metrics
from lib.runs import RunDirectory
from lib.signals import Stopped
from tests.gpt2.training import repeatable, train_here

QUESTION = {
    "ctx": "A man is sitting on a roof. he",
    "endings": ["wraps a pair of skis.", "rips tiles off.", "holds a cube.", "pulls up roofing."],
}


@pytest.fixture
def questions_file(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(QUESTION | {"label": n % 4}) + "\n" for n in range(12)))
    return path


@pytest.fixture
def both(planned, merges_mirror, questions_file):
    """A run that shows samples every third step and asks questions every fourth."""
    return planned(
        "gpt2",
        mirror=merges_mirror,
        HELLASWAG_PATH=questions_file,
        SAMPLE_INTERVAL=3,
        HELLASWAG_INTERVAL=4,
        HELLASWAG_ITEMS=8,
        GENERATION_MAX_TOKENS=7,
    )


def evaluations(planned, **changes):
    settings = planned.settings | changes
    return SideEvaluations(settings, planned.manifest.tokenizer, "cpu", lambda line: None)


def shown(side, step, is_last, model):
    return side.due(step, is_last, model, nullcontext())


def test_each_comes_at_its_interval_and_at_the_end(both):
    side = evaluations(both)
    kinds = {
        step: [one.kind for one in shown(side, step, step == 13, both.model)]
        for step in range(1, 14)
    }
    samples = [step for step, found in kinds.items() if "sample" in found]
    questions = [step for step, found in kinds.items() if "hellaswag" in found]
    assert (samples, questions) == ([3, 6, 9, 12, 13], [4, 8, 12, 13])


def test_nothing_is_shown_or_fetched_where_nothing_is_asked_for(planned):
    made = planned("bytes", SAMPLE_INTERVAL=0, HELLASWAG_INTERVAL=0, HELLASWAG_PATH="/none")
    assert shown(evaluations(made), 100, True, made.model) == []


def test_rows_and_lines(both):
    sample, questions = shown(evaluations(both), 12, False, both.model)
    assert {"text", "temperature", "top_k", "top_p", "sample_s"} == set(sample.values)
    assert sample.line.startswith("sample: ")
    assert "\n" not in sample.line
    assert questions.values["questions"] == 8
    assert questions.values["questions_text"] == "published"
    # Eight questions with the same endings and labels in turn: each is right twice.
    assert {questions.values[name] for name in ("accuracy", "accuracy_per_token")} == {0.25}
    assert questions.values["standard_error"] == pytest.approx((0.25 * 0.75 / 7) ** 0.5)
    assert "25.0 %" in questions.line
    for one in (sample, questions):
        json.dumps(one.values, allow_nan=False)


def test_a_long_sample_is_cut_on_the_terminal_only(planned):
    made = planned("bytes", SAMPLE_INTERVAL=1, GENERATION_MAX_TOKENS=400)
    (sample,) = shown(evaluations(made), 1, False, made.model)
    assert len(sample.values["text"]) > SHOWN_CHARACTERS
    assert sample.line.endswith(" ...")


def test_the_step_alone_decides_a_sample(planned):
    """Neither the interval nor how often was sampled before; another step is another text."""
    made = planned("bytes", SAMPLE_INTERVAL=1, GENERATION_MAX_TOKENS=20)

    def text(side, step):
        (sample,) = shown(side, step, False, made.model)
        return sample.values["text"]

    side = evaluations(made)
    first = [text(side, step) for step in (2, 4, 6)]
    assert len(set(first)) == 3
    assert text(evaluations(made, SAMPLE_INTERVAL=6), 6) == first[2]
    assert text(evaluations(made, SEED=5), 6) != first[2]


def test_what_cannot_be_asked_is_told_before_the_first_step(planned):
    made = planned("bytes", HELLASWAG_INTERVAL=10)
    with pytest.raises(DataError, match="HellaSwag needs a model with GPT-2's tokens") as caught:
        evaluations(made)
    # Of an option that changes no result: the run has not ended, and may be started otherwise.
    assert caught.value.exit_status == 2


def test_a_model_that_went_astray_shows_nothing(both):
    """It is the training that must say so, as a divergence with its step."""
    both.model.train()
    with torch.no_grad():
        both.model.final_norm.weight.fill_(float("nan"))
    for changes in ({}, {"SAMPLE_INTERVAL": 0}):
        assert shown(evaluations(both, **changes), 12, True, both.model) == []
        assert both.model.training, "left without dropout"


@pytest.fixture
def trained_weights(both, monkeypatch, tmp_path):
    """trained_weights(is_shown): the weights after 20 steps, and the rows, with dropout."""

    def train(is_shown: bool):
        kept = []
        finish = base.BaseGPT2Trainer.train

        def train_and_keep(self):
            finish(self)
            kept.append({n: p.detach().clone() for n, p in self.model.named_parameters()})

        nothing = {} if is_shown else {"SAMPLE_INTERVAL": 0, "HELLASWAG_INTERVAL": 0}
        with monkeypatch.context() as patch:
            patch.setattr(base.BaseGPT2Trainer, "train", train_and_keep)
            run = RunDirectory(tmp_path / f"run-{is_shown}")
            run.path.mkdir()
            outcome = train_here(run, both.settings | {"DROPOUT": 0.1} | nothing)
        assert outcome.status == "done"
        return kept[0], read_metrics(run.metrics_path)

    return train


def test_the_training_is_the_same_bit_for_bit(trained_weights):
    without, rows = trained_weights(False)
    assert not [row for row in rows if row["kind"] in ("sample", "hellaswag")]
    shown_too, rows = trained_weights(True)
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("sample"), kinds.count("hellaswag")) == (7, 5)
    assert all(torch.equal(without[name], shown_too[name]) for name in without)


def test_it_is_asked_before_each_token_and_batch_whether_to_go_on(both):
    """And as soon as it is told not to, nothing is shown: also not what was known by then."""
    asked = []

    def calls(most):
        asked.clear()
        return lambda: asked.append(None) or len(asked) <= most

    side = evaluations(both)
    both.model.train()
    whole = side.due(12, False, both.model, nullcontext(), calls(99))
    assert [one.kind for one in whole] == ["sample", "hellaswag"]
    # Seven tokens, and the questions in one batch at least.
    needed = len(asked)
    assert needed >= 8
    for most in range(needed):
        assert side.due(12, False, both.model, nullcontext(), calls(most)) is None
        assert len(asked) == most + 1
        assert both.model.training


@pytest.fixture
def shown_once(monkeypatch, tmp_path):
    """shown_once(settings, {step: moment}): a run that is stopped at each step when it was asked so
    often whether to go on. Nothing of that step is there then, and a heartbeat is; in the end it
    has the rows and bits of a straight run."""
    weights, beats, asked = [], [], []
    finish, due = base.BaseGPT2Trainer.train, SideEvaluations.due

    def train_and_keep(self):
        try:
            finish(self)
        finally:
            weights.append({n: p.detach().clone() for n, p in self.model.named_parameters()})

    def check(settings, moments):
        coming = dict(moments)

        def due_and_stop(self, step, is_last, model, autocast, *may_go_on):
            asked.clear()

            def counted():
                asked.append(step)
                if len(asked) == coming.get(step):
                    del coming[step]
                    os.kill(os.getpid(), signal.SIGTERM)
                return not may_go_on or may_go_on[0]()

            return due(self, step, is_last, model, autocast, counted)

        straight, stopped = (RunDirectory(tmp_path / name) for name in ("straight", "stopped"))
        straight.path.mkdir(), stopped.path.mkdir()
        train_here(straight, settings)
        monkeypatch.setattr(SideEvaluations, "due", due_and_stop)
        for step, moment in moments.items():
            beats.clear()
            with pytest.raises(Stopped):
                train_here(stopped, settings)
            assert len(asked) == moment, "it went on after the signal"
            assert [facts["step"] for facts in beats if facts["phase"] == "eval"][-1:] == [step]
            assert not [row for row in rows_of(stopped) if row["step"] == step and is_shown(row)]
        assert train_here(stopped, settings).status == "done"
        assert rows_of(stopped) == rows_of(straight)
        assert all(torch.equal(weights[0][name], weights[-1][name]) for name in weights[0])

    monkeypatch.setattr(base, "HEARTBEAT_S", 0.0)
    monkeypatch.setattr(RunDirectory, "beat", lambda self, **facts: beats.append(facts))
    monkeypatch.setattr(base.BaseGPT2Trainer, "train", train_and_keep)
    return check


def test_stopped_in_a_sample_it_is_shown_once_and_whole(planned, shown_once):
    made = planned("bytes", SAMPLE_INTERVAL=3, GENERATION_MAX_TOKENS=7, EVAL_INTERVAL=5)
    shown_once(made.settings | {"DROPOUT": 0.1}, {3: 4, 15: 1, 20: 7})


def test_stopped_in_questions_what_came_before_is_asked_again(both, shown_once):
    """In HellaSwag, which follows a sample of the same step."""
    shown_once(both.settings | {"DROPOUT": 0.1, "MAX_ITERS": 13}, {12: 8})


def is_shown(row):
    return row["kind"] in ("sample", "hellaswag")


def rows_of(run):
    """Every line of the file that a straight run repeats, without its times."""
    rows = map(json.loads, run.metrics_path.read_text().splitlines())
    kinds = ("train", "eval", "sample", "hellaswag")
    return [
        {k: v for k, v in repeatable(row).items() if not k.endswith(("_s", "_ms"))}
        for row in rows
        if row["kind"] in kinds
    ]
