"""Samples and questions come when they are due, and the training does not notice them."""

import json
from contextlib import nullcontext

import pytest
import torch

from gpt2.datasets.errors import DataError
from gpt2.side_evaluations import SHOWN_CHARACTERS, SideEvaluations
from gpt2.trainers import base
from lib.metrics import read_metrics
from lib.runs import RunDirectory
from tests.gpt2.training import train_here

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
    return list(side.due(step, is_last, model, nullcontext()))


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
