"""Evaluation counts every prediction once and changes nothing."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from gpt2.datasets import TokenStream, ValidationWindows
from gpt2.evaluate import TOKENS_PER_PASS, Evaluation, evaluate
from gpt2.model import GPT
from tests.gpt2.shapes import sized

SHAPE = sized(
    n_layer=1,
    n_head=1,
    n_embd=8,
    block_size=10,
    vocab_size=17,
    dropout=0.5,
)


@pytest.fixture
def model():
    return GPT(SHAPE, 0).train()


@pytest.fixture
def stream():
    tokens = np.random.default_rng(0).integers(0, 17, 103).astype("<u2")
    return TokenStream("validation", [tokens])


def run(model, windows, batch_size=4):
    return evaluate(model, windows, batch_size, "cpu", nullcontext())


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_it_is_the_mean_over_every_prediction_however_batched(model, stream, batch_size):
    windows = ValidationWindows(stream, 10)
    result = run(model, windows, batch_size)
    model.eval()
    losses = []
    with torch.no_grad():
        for start in range(0, 102, 10):
            row = torch.from_numpy(stream.window(start, min(11, 103 - start)).astype(np.int64))
            logits = model(row[None, :-1])[0]
            losses += (-logits.log_softmax(-1)[torch.arange(len(row) - 1), row[1:]]).tolist()
    assert (result.tokens, result.windows, result.is_full_split) == (102, 11, True)
    assert len(losses) == 102
    assert result.loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_it_leaves_model_and_random_state_alone(model, stream):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    first = run(model, ValidationWindows(stream, 10))
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    # Dropout is off: twice the same.
    assert run(model, ValidationWindows(stream, 10)) == first


def test_no_pass_is_larger_than_a_training_batch_or_the_limit(model, stream, monkeypatch):
    seen = []
    loss = GPT.loss

    def spy(self, rows, reduction="mean"):
        seen.append(rows[:, 1:].numel())
        return loss(self, rows, reduction)

    monkeypatch.setattr(GPT, "loss", spy)
    run(model, ValidationWindows(stream, 10), batch_size=4)
    assert max(seen) == 40
    seen.clear()
    monkeypatch.setattr("gpt2.evaluate.TOKENS_PER_PASS", 25)
    run(model, ValidationWindows(stream, 10), batch_size=4)
    assert max(seen) == 20
    assert TOKENS_PER_PASS * 50304 * 4 < 1e9


def test_perplexity_is_not_clamped():
    assert Evaluation(math.log(40), 1, 1, True).perplexity == pytest.approx(40)
    assert Evaluation(30.0, 1, 1, True).perplexity == pytest.approx(math.exp(30))
    assert Evaluation(1000.0, 1, 1, True).perplexity == math.inf


def test_bits_per_byte_do_not_depend_on_the_tokenizer():
    """The same text at twice the tokens and half the loss a token is the same."""
    coarse = Evaluation(4 * math.log(2), 100, 1, True).bits_per_byte(100, 400)
    fine = Evaluation(2 * math.log(2), 200, 1, True).bits_per_byte(200, 400)
    assert coarse == fine == pytest.approx(1.0)
