"""Drawing agrees with transformers, the cache with full passes, and nothing else is touched."""

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.datasets.errors import DataError
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.tokenizers import ByteTokenizer, CharacterTokenizer
from gpt2.evaluate import NotFinite
from gpt2.generate import Sampling, draw, generate, prompt_tokens, write_texts
from gpt2.model import GPT
from tests.gpt2.shapes import sized

VOCABULARY = 32
PADDED = 40
BLOCK = 12


def sampling(**changes):
    return Sampling(**({"temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_tokens": 20} | changes))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model():
    shape = sized(
        n_layer=2,
        n_head=2,
        n_embd=16,
        block_size=BLOCK,
        vocab_size=PADDED,
        dropout=0.5,
    )
    made = GPT(shape, 0).train()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0.0, 0.4, generator=generator(1))
    return made


def frequencies(logits, how, draws=4000):
    """How often each token is drawn."""
    many = logits.expand(draws, -1)
    return torch.bincount(draw(many, how, generator(3)), minlength=logits.shape[-1]) / draws


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 5, 1.0), (1.0, 0, 0.6), (0.8, 12, 0.9), (1.0, 1, 1.0)],
)
def test_tokens_are_drawn_as_transformers_weighs_them(temperature, top_k, top_p):
    """The outside reference: its warpers, in the order in which it applies them."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(1, VOCABULARY, generator=generator()) * 2
    warped = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k:
        warped = TopKLogitsWarper(top_k)(None, warped)
    if top_p < 1:
        warped = TopPLogitsWarper(top_p)(None, warped)
    wanted = warped.softmax(-1)[0]
    how = sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    found = frequencies(logits, how)
    assert torch.equal(found > 0, (wanted > 0) & (found > 0)), "a token that should never come"
    # Three standard deviations of the frequency of each token, at 4000 draws.
    assert torch.all((found - wanted).abs() < 3.5 * (wanted * (1 - wanted) / 4000).sqrt() + 1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999),
    top_k=st.integers(1, VOCABULARY + 5),
    top_p=st.floats(0.01, 1.0),
)
def test_what_is_drawn_is_in_the_top_k_and_in_the_nucleus(seed, top_k, top_p):
    logits = torch.randn(1, VOCABULARY, generator=generator(seed))
    chances = logits.softmax(-1)[0]
    order = chances.argsort(descending=True)[:top_k]
    kept = chances[order] / chances[order].sum()
    before = kept.cumsum(0) - kept
    # The rounding of a sum is no reason to fail.
    wanted = {int(token) for token, sum_ in zip(order, before, strict=True) if sum_ < top_p + 1e-6}
    found = draw(logits.expand(200, -1), sampling(top_k=top_k, top_p=top_p), generator(seed))
    assert set(found.tolist()) <= wanted


def test_ties_do_not_widen_the_top_k():
    logits = torch.zeros(500, VOCABULARY)
    assert len(set(draw(logits, sampling(top_k=3), generator()).tolist())) == 3


def test_temperature_zero_takes_the_likeliest_and_draws_nothing(model):
    source = generator(5)
    before = source.get_state()
    prompt = torch.tensor([[1, 2, 3]])
    found = generate(model, prompt, VOCABULARY, sampling(temperature=0, top_k=2), source)
    assert torch.equal(source.get_state(), before)
    assert torch.equal(found, plain(model, prompt, sampling(temperature=0)))


def plain(model, tokens, how):
    """The textbook loop: a full pass over the last BLOCK tokens for each."""
    model.eval()
    start = tokens.shape[1]
    source = generator(7)
    with torch.no_grad():
        for _ in range(how.max_tokens):
            logits = model(tokens[:, -BLOCK:])[:, -1, :VOCABULARY]
            tokens = torch.cat([tokens, draw(logits, how, source)[:, None]], dim=1)
    model.train()
    return tokens[:, start:]


@pytest.mark.parametrize("length", [1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_the_cache_changes_nothing_before_and_after_the_context_is_full(model, length):
    prompt = torch.randint(VOCABULARY, (3, length), generator=generator(2))
    # Drawn, because the likeliest token of a random model is always the same.
    how = sampling(temperature=2.0)
    found = generate(model, prompt, VOCABULARY, how, generator(7))
    assert torch.equal(found, plain(model, prompt, how))
    assert len(found.unique()) > 5


def test_the_time_grows_linearly_while_the_context_has_room(model, monkeypatch):
    """By counting tokens that pass through the model, not by a clock."""
    passed = []
    hidden = GPT.hidden

    def spy(self, tokens, cache=None):
        passed.append(tokens.shape[1])
        return hidden(self, tokens, cache)

    monkeypatch.setattr(GPT, "hidden", spy)
    generate(model, torch.tensor([[1, 2]]), VOCABULARY, sampling(max_tokens=14), generator())
    # The prompt, ten tokens by themselves up to the twelfth, then windows.
    assert passed == [2] + [1] * 10 + [BLOCK] * 3


def test_the_padding_of_the_vocabulary_is_never_drawn(model):
    with torch.no_grad():
        # Untied, the padding gets the best logit at every position.
        model.head.weight = torch.nn.Parameter(model.head.weight.clone())
        model.head.weight[VOCABULARY:] = 50 * model.head.weight[0]
        model.head.weight[VOCABULARY + 1 :] *= -1
    prompt = torch.tensor([[1]])
    for how in (sampling(temperature=0), sampling(max_tokens=200)):
        assert int(generate(model, prompt, VOCABULARY, how, generator()).max()) < VOCABULARY


def test_it_leaves_model_and_random_state_alone(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    generate(model, torch.tensor([[1]]), VOCABULARY, sampling(), generator())
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_seed_gives_the_same_text_again_and_another_another(model):
    def texts(seed):
        prompt = torch.tensor([[1], [1]])
        return generate(model, prompt, VOCABULARY, sampling(), generator(seed))

    assert torch.equal(texts(1), texts(1))
    assert not torch.equal(texts(1), texts(2))
    assert not torch.equal(texts(1)[0], texts(1)[1]), "two samples of one prompt are alike"


def test_it_stops_when_every_text_has_ended(model):
    prompt = torch.tensor([[1], [2]])
    free = generate(model, prompt, VOCABULARY, sampling(temperature=0), generator())
    stop = int(free[0, 3])
    found = generate(model, prompt, VOCABULARY, sampling(temperature=0), generator(), stop)
    last = max((row == stop).nonzero()[0, 0].item() if stop in row else 19 for row in free)
    assert torch.equal(found, free[:, : last + 1])


def test_it_ends_before_the_next_pass_where_it_is_told_to(model):
    asked = []

    def tokens(most):
        asked.clear()
        how = sampling(max_tokens=5)
        may_go_on = lambda: asked.append(None) or len(asked) <= most  # noqa: E731
        prompt = torch.tensor([[1]])
        return generate(model, prompt, VOCABULARY, how, generator(), None, may_go_on)

    assert [tokens(most) for most in range(5)] == [None] * 5
    assert len(asked) == 5
    assert tokens(5).shape == (1, 5)
    assert len(asked) == 5


def test_a_model_that_predicts_nothing_finite_is_refused(model):
    with torch.no_grad():
        model.final_norm.weight.fill_(float("nan"))
    with pytest.raises(NotFinite, match="not finite"):
        generate(model, torch.tensor([[1]]), VOCABULARY, sampling(), generator())


class Ended(ByteTokenizer):
    """Bytes with an end mark, as GPT-2's tokens have one."""

    info = TokenizerInfo(name="bytes", vocab_size=VOCABULARY, eot=7)


def test_a_text_ends_before_its_end_mark(model):
    def texts(tokenizer):
        how = sampling(max_tokens=40)
        return write_texts(model, tokenizer, "\x01", 5, how, 9, "cpu", nullcontext())

    class Endless(Ended):
        info = TokenizerInfo(name="bytes", vocab_size=VOCABULARY, eot=None)

    whole, ended = texts(Endless()), texts(Ended())
    assert all(len(text) == 40 for text in whole)
    assert "\x07" in "".join(whole)
    assert ended == [text.partition("\x07")[0] for text in whole]


def test_an_empty_prompt_is_what_stands_before_a_text():
    assert prompt_tokens(ByteTokenizer(), "") == [10]
    assert prompt_tokens(CharacterTokenizer("\nab"), "") == [0]
    assert prompt_tokens(CharacterTokenizer("ab"), "") == [0]
    assert prompt_tokens(CharacterTokenizer("ab"), "ba") == [1, 0]


def test_a_prompt_without_tokens_is_one_sentence(model):
    with pytest.raises(DataError, match="'!', which is none of the 2 characters"):
        write_texts(model, CharacterTokenizer("ab"), "a!", 1, sampling(), 0, "cpu", nullcontext())
