"""A step on a GPU: between two log lines nothing is read back from the device."""

import pytest
import torch

from gpt2.trainers import finite, step
from lib.metrics import read_metrics

READS = ("item", "tolist", "numpy", "__bool__", "__float__", "__int__", "nonzero")


@pytest.fixture
def deferred(monkeypatch):
    """What a GPU would do with an optimizer that can skip a step, on the processor."""
    checks = []

    def check(optimizer, device):
        checks.append(finite.finite_check(optimizer, "not cpu"))
        return checks[-1]

    monkeypatch.setattr(finite.DeferredCheck, "__init__", _on_the_processor(finite.DeferredCheck))
    monkeypatch.setattr(step, "finite_check", check)
    return checks


def _on_the_processor(kind):
    build = kind.__init__
    return lambda self, device: build(self, "cpu")


@pytest.fixture
def reads(monkeypatch):
    """The names of reads from a device while a step runs."""
    seen = []
    call = step.TrainingStep.__call__

    def watched(self, number):
        with monkeypatch.context() as patch:
            # The first step looks once at every gradient's existence and allocates.
            for name in READS if number > 1 else ():
                original = getattr(torch.Tensor, name)

                def read(tensor, *arguments, name=name, original=original, **keywords):
                    seen.append(name)
                    return original(tensor, *arguments, **keywords)

                patch.setattr(torch.Tensor, name, read)
            return call(self, number)

    monkeypatch.setattr(step.TrainingStep, "__call__", watched)
    return seen


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "adamwadv", "adamwprune"])
def test_nothing_is_read_between_two_lines(train, deferred, reads, optimizer):
    # The thread that saves reads its own copies.
    outcome, run = train(OPTIMIZER=optimizer, GRADIENT_ACCUMULATION=2, SAVE_CHECKPOINT="n")
    assert outcome.status == "done"
    assert isinstance(deferred[0], finite.DeferredCheck)
    assert reads == []
    assert len(read_metrics(run.metrics_path, {"train"})) == 4


def test_the_watch_itself_sees_reads(train, reads):
    train()
    assert "item" in reads


def test_deferring_changes_no_bit(train, deferred, final_weights, equal, monkeypatch):
    train(DROPOUT="0.1")
    monkeypatch.setattr(step, "finite_check", finite.finite_check)
    train(DROPOUT="0.1")
    assert len(deferred) == 1
    assert equal(*final_weights)


def test_a_bad_step_is_named_when_the_line_is_due(train, deferred, final_weights, monkeypatch):
    """And the weights are those before it, as where every step is looked at."""
    from gpt2.model import GPT

    loss, calls = GPT.loss, []

    def poisoned(self, rows, reduction="mean"):
        calls.append(reduction)
        result = loss(self, rows, reduction)
        return result * float("nan") if calls.count("mean") == 7 else result

    monkeypatch.setattr(GPT, "loss", poisoned)
    late, _ = train()
    calls.clear()
    monkeypatch.setattr(step, "finite_check", finite.finite_check)
    at_once, _ = train()
    assert late.status == at_once.status == "diverged"
    assert late.reason == at_once.reason
    assert "at step 7" in late.reason
    for counted in ("steps", "tokens", "epochs"):
        assert late.measured[counted] == at_once.measured[counted]
    assert all(torch.equal(final_weights[0][name], w) for name, w in final_weights[1].items())
