"""The losses are those of transformers, one ending at a time, however they are batched."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpt2.evaluate import NotFinite
from gpt2.model import GPT
from gpt2.questions import scoring
from gpt2.questions.accuracy import answers
from gpt2.questions.hellaswag import read_questions
from gpt2.questions.scoring import ask, batches
from gpt2.questions.texts import TEXTS, fit, write
from tests.gpt2.reference import copy_into
from tests.gpt2.shapes import sized

SHAPE = sized(
    n_layer=2,
    n_head=2,
    n_embd=16,
    block_size=128,
    vocab_size=50257,
    dropout=0.5,
)


@pytest.fixture(scope="module", params=["sdpa", "manual"])
def model(request):
    made = GPT(replace(SHAPE, attention_backend=request.param), 0).train()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            # Large enough that no two endings have nearly the same loss.
            mean, std = (1.0, 0.5) if parameter.dim() == 1 else (0.0, 0.3)
            parameter.normal_(mean, std, generator=generator)
    return made


@pytest.fixture
def questions(hellaswag_file, gpt2):
    return [write(one, "published", gpt2) for one in read_questions(hellaswag_file)]


def asked(model, questions, known=None, on_batch=lambda losses: None):
    return ask(model, questions, "cpu", nullcontext(), known or {}, on_batch)


@pytest.mark.parametrize("text", TEXTS)
def test_losses_and_answers_equal_those_of_transformers(model, hellaswag_file, gpt2, text):
    """The outside reference: Hugging Face's model and the harness's plain loop over requests."""
    transformers = pytest.importorskip("transformers")
    reference = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=50257, n_positions=128, n_embd=16, n_layer=2, n_head=2, use_cache=False
        )
    ).eval()
    copy_into(reference, model)
    questions = [write(one, text, gpt2) for one in read_questions(hellaswag_file)]
    losses = asked(model, questions)
    given = answers(questions, losses)
    for position, one in enumerate(questions):
        expected = []
        for ending in one.endings:
            # As HFLM._loglikelihood_tokens: the last token is not read, the sum is over the rest.
            whole = torch.tensor([one.context + ending])
            with torch.no_grad():
                logits = reference(whole[:, :-1]).logits[0, -len(ending) :]
            picked = logits.log_softmax(-1).gather(-1, torch.tensor(ending)[:, None])
            expected.append(picked.sum().item())
        np.testing.assert_allclose(losses[one.number], -np.array(expected), atol=1e-4, rtol=1e-5)
        lls = np.array(expected)
        lengths = np.array([float(count) for count in one.characters])
        sizes = np.array([float(count) for count in one.bytes])
        tokens = np.array([len(ending) for ending in one.endings])
        assert int(given["accuracy"][position]) == np.argmax(lls)
        assert int(given["accuracy_per_character"][position]) == np.argmax(lls / lengths)
        assert int(given["accuracy_per_byte"][position]) == np.argmax(lls / sizes)
        assert int(given["accuracy_per_token"][position]) == np.argmin(-lls / tokens)
    assert len(set(given["accuracy"])) > 1


def test_a_cut_context_is_what_the_model_reads(model, questions):
    fitting = fit(questions, 40)
    assert 0 < sum(one.is_cut for one in fitting) < len(fitting)
    losses = asked(model, fitting)
    model.eval()
    for one in fitting:
        for ending, found in zip(one.endings, losses[one.number], strict=True):
            whole = torch.tensor([one.context + ending])
            assert whole.shape[1] <= 41
            with torch.no_grad():
                logits = model(whole[:, :-1])[0, -len(ending) :]
            picked = logits.log_softmax(-1).gather(-1, torch.tensor(ending)[:, None])
            assert found == pytest.approx(-picked.sum().item(), abs=1e-4)


def test_batches_have_one_context_length_and_a_limit(questions, monkeypatch):
    monkeypatch.setattr(scoring, "TOKENS_PER_PASS", 300)
    made = batches(questions)
    assert sorted(one.number for batch in made for one in batch) == list(range(30))
    assert any(len(batch) > 1 for batch in made)
    for batch in made:
        assert len({len(one.context) for one in batch}) == 1
        longest = max(one.longest for one in batch)
        assert len(batch) == 1 or len(batch) * 4 * (len(batch[0].context) + longest) <= 300
    assert batches(reversed(questions)) == made


@pytest.mark.parametrize("limit", [1, 200, 100_000])
def test_the_size_of_a_batch_changes_nothing(model, questions, monkeypatch, limit):
    expected = asked(model, questions)
    monkeypatch.setattr(scoring, "TOKENS_PER_PASS", limit)
    found = asked(model, questions)
    for number, row in expected.items():
        assert found[number] == pytest.approx(row, abs=1e-4)


def test_each_context_passes_through_the_model_once(model, questions, monkeypatch):
    passed = []
    hidden = GPT.hidden

    def spy(self, tokens, cache=None):
        passed.append(tokens.numel())
        return hidden(self, tokens, cache)

    monkeypatch.setattr(GPT, "hidden", spy)
    (one,) = questions[:1]
    asked(model, [one])
    assert passed == [len(one.context), 4 * (one.longest - 1)]


def test_an_interrupted_examination_continues_bit_for_bit(model, questions):
    seen = []

    class Killed(Exception):
        pass

    def stop_after_three(losses):
        seen.append(dict(losses))
        if len(seen) == 3:
            raise Killed

    straight = asked(model, questions)
    with pytest.raises(Killed):
        asked(model, questions, on_batch=stop_after_three)
    known = seen[-1]
    assert 0 < len(known) < 30
    batches_left = []
    assert asked(model, questions, known, batches_left.append) == straight
    assert len(batches_left) == len(batches(questions)) - 3
    assert asked(model, questions, straight, batches_left.clear) == straight


def test_it_leaves_model_and_random_state_alone(model, questions):
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    first = asked(model, questions)
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    # Dropout is off: twice the same.
    assert asked(model, questions) == first


def test_bfloat16_is_near(model, questions):
    exact = asked(model, questions)
    rough = ask(
        model, questions, "cpu", torch.autocast("cpu", torch.bfloat16), {}, lambda losses: None
    )
    for number, row in exact.items():
        assert rough[number] == pytest.approx(row, rel=0.05)


def test_a_model_without_finite_predictions_is_refused(questions):
    broken = GPT(SHAPE)
    with torch.no_grad():
        broken.final_norm.weight.fill_(float("nan"))
    with pytest.raises(NotFinite, match="not finite"):
        asked(broken, questions)
