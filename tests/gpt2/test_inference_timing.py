"""What is timed is what is said: prefill once, decode token by token, after a warm-up."""

import re
from dataclasses import replace

import pytest
import torch

from gpt2 import inference_timing
from gpt2.inference_timing import Plan, described, measure, measure_one
from gpt2.model import GPT
from tests.gpt2.shapes import sized

SHAPE = sized(
    n_layer=2,
    n_head=2,
    n_embd=16,
    block_size=24,
    vocab_size=40,
    dropout=0.5,
)
PLAN = Plan(batch_sizes=[1, 3], lengths=[5, 16, 20], tokens=6, repeats=4)


@pytest.fixture
def model():
    return GPT(SHAPE, 0).train()


@pytest.fixture
def seconds(monkeypatch):
    """A clock that goes on by one second each time it is read."""
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(inference_timing.time, "perf_counter", lambda: float(next(ticks)))


def test_every_batch_size_with_every_length_that_fits(model):
    said = []
    found = measure(model, PLAN, "float32", said.append)
    assert [(row["batch_size"], row["prompt_tokens"]) for row in found["rows"]] == [
        (1, 5),
        (1, 16),
        (3, 5),
        (3, 16),
    ]
    assert found["left_out_lengths"] == [20]
    assert said[0] == "left out, because they exceed the context: 20 tokens"
    assert said[1:] == [described(row) for row in found["rows"]]
    for row in found["rows"]:
        assert row["repeats"] == 4
        assert 0 < row["prefill_ms_median"] <= row["prefill_ms_p95"]
        assert 0 < row["decode_ms_median"] <= row["decode_ms_p95"]
        batch, length = row["batch_size"], row["prompt_tokens"]
        per_s = 1e3 * batch * length / row["prefill_ms_median"]
        assert row["prefill_tokens_per_s"] == pytest.approx(per_s)
        assert row["decode_tokens_per_s"] == pytest.approx(1e3 * batch / row["decode_ms_median"])
        # Two layers, keys and values, 16 channels, 4 bytes.
        assert row["cache_bytes"] == 2 * 2 * batch * (length + 6) * 16 * 4
        assert row["peak_allocated_bytes"] is None
    assert found["weights_bytes"] == 4 * sum(p.numel() for p in model.parameters())
    assert found["peak_rss_bytes"] > 1e6


def test_what_passes_through_the_model(model, monkeypatch):
    passed = []
    hidden = GPT.hidden

    def spy(self, tokens, cache=None):
        assert not self.training
        passed.append((tuple(tokens.shape), cache.length))
        return hidden(self, tokens, cache)

    monkeypatch.setattr(GPT, "hidden", spy)
    measure_one(model.eval(), 3, 5, tokens=2, repeats=3)
    # The warm-up and three repeats.
    assert passed == [((3, 5), 0), ((3, 1), 5), ((3, 1), 6)] * 4


def test_median_and_percentile_are_over_the_repeats(model, monkeypatch):
    times = iter([(9.0, [9.0] * 2)] + [(n / 1e3, [n / 1e3] * 2) for n in range(1, 21)])
    monkeypatch.setattr(inference_timing, "_answer", lambda *arguments: (*next(times), 64))
    row = measure_one(model, 2, 5, tokens=2, repeats=20)
    assert row["repeats"] == 20
    assert row["prefill_ms_median"] == row["decode_ms_median"] == pytest.approx(10.5)
    assert row["prefill_ms_p95"] == pytest.approx(19.05)


def test_a_long_measurement_ends_after_three_repeats(model, seconds, monkeypatch):
    monkeypatch.setattr(inference_timing, "LIMIT_S", 1.0)
    assert measure_one(model, 1, 5, tokens=2, repeats=20)["repeats"] == 3
    monkeypatch.setattr(inference_timing, "LIMIT_S", 1e9)
    assert measure_one(model, 1, 5, tokens=2, repeats=20)["repeats"] == 20


def test_the_model_is_not_changed(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.random.get_rng_state()
    found = measure(model, PLAN, "bfloat16", lambda line: None)
    assert model.training
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert model.head.weight is model.token_embedding.weight
    assert torch.equal(torch.random.get_rng_state(), state)
    # Served in bfloat16, weights and cache take half.
    assert found["weights_bytes"] == 2 * sum(p.numel() for p in model.parameters())
    assert found["rows"][0]["cache_bytes"] == 2 * 2 * 1 * (5 + 6) * 16 * 2


def test_zeros_are_counted(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
        model.blocks[0].feed_forward.up.weight.zero_()
    found = measure(model, PLAN, "float32", lambda line: None)
    total = sum(p.numel() for p in model.parameters())
    assert found["zero_weights"] == 16 * 64 / total


def test_too_little_memory_is_a_row(model, monkeypatch):
    def fail(*arguments):
        raise torch.OutOfMemoryError("too large")

    monkeypatch.setattr(inference_timing, "_answer", fail)
    row = measure_one(model, 64, 5, tokens=2, repeats=3)
    assert row == {"batch_size": 64, "prompt_tokens": 5, "reason": "out of memory"}
    assert described(row).endswith("out of memory")


def test_nothing_that_fits_is_one_sentence(model):
    plan = Plan(batch_sizes=[1], lengths=[24, 30], tokens=1, repeats=3)
    with pytest.raises(ValueError, match="INFERENCE_LENGTHS=24, 30 and INFERENCE_TOKENS=1 exceed"):
        measure(model, plan, "float32", print)


def test_the_length_that_the_sentence_names_fits(model):
    plan = Plan(batch_sizes=[1], lengths=[500], tokens=32, repeats=3)
    with pytest.raises(ValueError, match="such as") as refused:
        measure(model, plan, "float32", print)
    length, tokens = map(int, re.findall(r"\d+", str(refused.value).partition("such as")[2]))
    assert replace(plan, lengths=[length], tokens=tokens).fitting(SHAPE.block_size) == [length]


def test_the_plan_is_read_from_the_options():
    settings = {
        "INFERENCE_BATCH_SIZES": "1,8",
        "INFERENCE_LENGTHS": "128",
        "INFERENCE_TOKENS": 3,
        "INFERENCE_REPEATS": 4,
    }
    assert Plan.of(settings) == Plan([1, 8], [128], 3, 4)
