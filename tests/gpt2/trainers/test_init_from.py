"""INIT_FROM from the option to the first step."""

import json
import math
import shutil

import pytest
import torch

from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.write import write_export
from gpt2.shape import shape_of
from gpt2.trainers import base
from gpt2.trainers import run as trainers_run
from lib.cli import guarded
from tests.gpt2.exchange.models import made

VOCABULARY = 256


@pytest.fixture
def exported(one_run, tmp_path):
    """exported(NAME=value, ...): (folder, model) of random weights that fit these options."""

    def make(seed: int = 5, **overrides: object):
        model = made(shape_of(one_run(**overrides), VOCABULARY), seed)
        folder = tmp_path / f"export-{len(list(tmp_path.iterdir()))}"
        write_export(folder, model, None, {})
        return folder, model

    return make


@pytest.fixture
def first_losses(monkeypatch):
    """The validation loss of each trainer before its first step."""
    seen = []
    original = base.BaseGPT2Trainer.train

    def evaluate_and_train(self):
        self._last_beat = math.inf
        seen.append(self._evaluation_of(self.windows).loss)
        original(self)

    monkeypatch.setattr(base.BaseGPT2Trainer, "train", evaluate_and_train)
    return seen


@pytest.mark.parametrize("preset", ["gpt2", "llama"])
def test_a_run_begins_where_the_exported_one_ended(
    preset, train, tmp_path, first_losses, monkeypatch
):
    """Pruned, so that zeros come along: the same loss to the last bit."""
    kept = []
    original = base.BaseGPT2Trainer.train

    def train_and_keep(self):
        original(self)
        kept.append(self.model)

    monkeypatch.setattr(base.BaseGPT2Trainer, "train", train_and_keep)
    options = {
        "ARCH_PRESET": preset,
        "MAX_ITERS": 4,
        "EVAL_INTERVAL": 2,
        "PRUNING_METHOD": "magnitude",
    }
    first, _ = train(**options)
    write_export(tmp_path / "out", kept[0], None, {})
    second, run = train(INIT_FROM=tmp_path / "out", **options, SEED=7)
    assert first_losses[1] == first.measured["val_loss"] != first_losses[0]
    facts = json.loads((run.path / "run.json").read_text())["init_from"]
    assert facts["source"] == str(tmp_path / "out")
    assert facts["files"] == {"model.safetensors": facts["sha256"]}
    assert second.status == "done"


def test_scores_remember_the_weights_that_came_in(train, exported, final_weights, monkeypatch):
    """Movement is measured from the beginning: nothing may look at the model before."""
    folder, model = exported()
    seen = {}
    original = base.build_pruner

    def look(method, named, *rest):
        named = list(named)
        seen.update({name: weight.detach().clone() for name, weight in named})
        return original(method, named, *rest)

    monkeypatch.setattr(base, "build_pruner", look)
    train(INIT_FROM=folder, MAX_ITERS=3)
    for name, parameter in model.named_parameters():
        assert torch.equal(seen[name], parameter), name


def test_a_continued_run_does_not_look_for_the_folder(
    train, exported, final_weights, equal, monkeypatch
):
    folder, _ = exported()
    options = {"INIT_FROM": folder, "MAX_ITERS": 4, "EVAL_INTERVAL": 2, "CHECKPOINT_INTERVAL": 2}
    options |= {"CHECKPOINT_AFTER_RUN": "all"}
    _, run = train(**options)
    facts = json.loads((run.path / "run.json").read_text())["init_from"]
    for path in run.checkpoints_path.iterdir():
        if path.name != "step-000002.pt":
            path.unlink()
    shutil.rmtree(folder)
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(trainers_run, "initial_weights", lambda *given: asked.append(given))
        outcome, _ = train(run=run, **options)
    assert (outcome.status, asked) == ("done", [])
    assert equal(final_weights[0], final_weights[1])
    # What it began with is still known.
    assert json.loads((run.path / "run.json").read_text()).get("init_from") == facts
    with pytest.raises(ExchangeError, match="is not a folder"):
        train(run=run, start_from="restart", **options)


def test_the_seed_decides_nothing_of_the_weights_then(train, exported, first_losses):
    folder, _ = exported()
    train(INIT_FROM=folder, MAX_ITERS=3, SEED=1)
    train(INIT_FROM=folder, MAX_ITERS=3, SEED=2)
    train(MAX_ITERS=3, SEED=2)
    assert first_losses[0] == first_losses[1] != first_losses[2]


def test_a_mistake_is_a_sentence_and_leaves_no_result(train, exported, tmp_path, capsys):
    folder, _ = exported()
    (folder / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')

    def main(_):
        train(INIT_FROM=folder)
        return 0

    assert guarded(main, []) == 2
    message = capsys.readouterr().err
    assert 'describes ["BertModel"]' in message
    assert "GPT2LMHeadModel and LlamaForCausalLM" in message
    assert "Traceback" not in message
    assert not list(tmp_path.glob("run-*/metrics.jsonl"))
    assert not list(tmp_path.glob("run-*/checkpoints"))
