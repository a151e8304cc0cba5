import json
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch

from gpt2 import instruments
from gpt2.banner import banner
from gpt2.instruments import (
    gradient_monitor,
    measured_matmul,
    memory_of,
    memory_row,
    run_facts,
    schedule_text,
    time_text,
)
from gpt2.model import GPT
from lib.device import Device, processor
from lib.gpu import Silent
from lib.matmul import MatmulRate
from lib.memory import MemorySplit
from tests.gpt2.shapes import sized

SPLIT = MemorySplit(1000, 1000, 0, 20, 3)


@pytest.fixture
def model():
    return GPT(sized(2, 2, 32, 32, 256))


def test_the_product_is_measured_where_the_option_says_so(one_run, monkeypatch):
    asked = []

    def measure(device, dtype):
        asked.append((device, dtype))
        return MatmulRate(1.0, 512, dtype, 0.1)

    monkeypatch.setattr(instruments, "measure_matmul", measure)
    assert measured_matmul(one_run(MEASURE_MATMUL="n"), processor()) is None
    assert asked == []
    assert measured_matmul(one_run(MEASURE_MATMUL="y"), processor()).dtype == "float32"
    gpu = Device("rocm", "a GPU", 1, 1)
    measured_matmul(one_run(MEASURE_MATMUL="y", DTYPE="bfloat16"), gpu)
    assert asked == [("cpu", "float32"), ("cuda", "bfloat16")]


def test_the_monitor_looks_at_every_so_many_th_log_line(one_run, model):
    named = list(model.named_parameters())
    assert gradient_monitor(one_run(), named) is None
    settings = one_run(GRADIENT_MONITOR="y", GRADIENT_INTERVAL=3, LOG_INTERVAL=5)
    monitor = gradient_monitor(settings, named)
    assert [step for step in range(1, 46) if monitor.is_due(step)] == [15, 30, 45]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    monitor.observe()
    assert "histogram" not in monitor.read()
    settings = one_run(GRADIENT_MONITOR="y", GRADIENT_HISTOGRAM="y")
    monitor = gradient_monitor(settings, named)
    monitor.observe()
    assert "histogram" in monitor.read()


def test_none_of_the_instruments_is_another_run(configure):
    plain = configure().typed().hash
    options = {"MEASURE_MATMUL": "n", "LOG_DETAIL": "y", "GRADIENT_MONITOR": "y"}
    options |= {"GRADIENT_INTERVAL": 2, "GRADIENT_HISTOGRAM": "y", "PARAMETER_HISTOGRAM": "y"}
    assert configure(**options).typed().hash == plain


def test_a_row_of_memory_has_what_is_computed_and_what_was_seen():
    now = memory_of(processor(), SPLIT, Silent("no GPU"))
    row = memory_row(now, SPLIT)
    assert row["weights_bytes"] == 1000
    assert row["process_bytes"] is None
    assert row["rss_bytes"] > 1 << 20
    assert row["rest_bytes"] == pytest.approx(row["peak_rss_bytes"] - 2023, abs=1 << 24)
    json.dumps(row, allow_nan=False)


def facts_of(settings, model, device, **rest):
    dataset = SimpleNamespace(manifest=SimpleNamespace(vocab_size=250), train=range(10_000))
    given = {
        "run": "a-run",
        "steps": 20,
        "first_step": 0,
        "matmul": None,
        "split": SPLIT,
        "pruning": "none",
        "choices": {"Attention": "flash"},
    }
    return run_facts(
        settings=settings, model=model, dataset=dataset, device=device, **(given | rest)
    )


def test_the_facts_are_those_of_the_run(one_run, model):
    facts = facts_of(one_run(BATCH_SIZE=4, GRADIENT_ACCUMULATION=3), model, processor())
    counted = sum(parameter.numel() for parameter in model.parameters())
    assert facts.model.parameters == counted
    assert facts.model.block_parameters == counted - (256 + 32 + 2) * 32
    assert (facts.model.vocab_size, facts.model.tokenizer_size) == (256, 250)
    assert facts.training.tokens_per_step == 4 * 3 * 32
    assert facts.training.epochs == 20 * 4 * 3 * 32 / 10_000
    assert facts.hardware.threads == torch.get_num_threads()
    assert facts.hardware.choices == (("Attention", "flash"),)
    assert facts.expected.peak_tflops is None
    assert facts.expected.peak_note == f"no peak is known for {processor().name}"
    assert facts.expected.flops_per_token == 3 * (
        2 * (2 * 12 * 32 * 32 + 256 * 32) + 2 * 4 * 32 * 32
    )
    assert (facts.expected.weights_bytes, facts.expected.optimizer_bytes) == (1000, 8 * counted)
    assert banner(facts)[1] == "a-run"


def test_a_known_device_brings_its_peak_and_bandwidth(one_run, model):
    h200 = Device("cuda", "NVIDIA H200", 150 << 30, 1)
    facts = facts_of(one_run(), model, h200, matmul=MatmulRate(790.0, 8192, "bfloat16", 0.2))
    expected = facts.expected
    assert (expected.peak_tflops, expected.matmul_tflops) == (989.0, 790.0)
    assert expected.peak_note.startswith("H200 SXM, dense bf16")
    assert expected.tokens_per_s_at_half_peak == pytest.approx(
        0.5 * 989e12 / expected.flops_per_token
    )
    assert facts.hardware.bandwidth_tb_s == 4.8
    assert json.dumps(asdict(facts))


def test_a_device_without_bfloat16_says_why_it_has_no_peak(one_run, model):
    v100 = Device("cuda", "Tesla V100-SXM2-32GB", 32 << 30, 1)
    expected = facts_of(one_run(), model, v100).expected
    assert expected.peak_tflops is None
    assert "no bfloat16" in expected.peak_note


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "0.0006, 2 steps of warm-up, cosine to 6e-05"),
        ({"WARMUP_STEPS": -1, "WARMUP_PCT": 2}, "0.0006, 6 steps of warm-up, cosine to 6e-05"),
        ({"WARMUP_STEPS": 0, "DECAY_LR": "n"}, "0.0006, no warm-up, then constant"),
    ],
)
def test_the_schedule_in_words(one_run, options, text):
    assert schedule_text(one_run(**options), 300) == text


def test_the_length_of_a_run_by_time_in_words(one_run, model):
    settings = one_run(MAX_TIME=60, MAX_ITERS=500)
    training = facts_of(settings, model, processor(), steps=None).training
    assert training.by_time == "60 s of training or 500 steps"
    assert (training.steps, training.epochs) == (None, None)
    assert time_text(one_run(MAX_TIME=60, MAX_ITERS=0)) == "60 s of training"
    assert time_text(one_run()) == ""
