import dataclasses
import json

import pytest

from lib.flops import ModelFlops
from lib.matmul import MatmulRate
from lib.throughput import throughput, tokens_per_s_at

# GPT-2 124M at vocabulary 50304 and 1024 tokens, as tests/gpt2/test_cost.py counts it.
GPT2 = ModelFlops(
    length=1024,
    attention_projections=56_623_104,
    feed_forward=113_246_208,
    head=77_266_944,
    attention=37_748_736,
    parameters=124_475_904,
    position_parameters=786_432,
    table_parameters=786_432,
)
MATMUL = MatmulRate(tflops=790.0, size=8192, dtype="bfloat16", seconds=0.2)


def test_an_h200_at_a_known_speed():
    """520k tokens/s: 44.9 % of 989, 0.563 of a product at 790."""
    found = throughput(520_000.0, GPT2, "NVIDIA H200", MATMUL, 0)
    assert found.flops_per_token == 854_654_976
    assert found.achieved_tflops == pytest.approx(444.4, abs=0.05)
    assert found.mfu == pytest.approx(0.4494, abs=1e-4)
    assert found.mfu_causal == pytest.approx(520_000 * 0.79802e9 / 989e12, abs=1e-4)
    assert found.share_of_matmul == pytest.approx(0.563, abs=5e-4)
    assert found.peak_tflops == 989
    assert found.peak_tflops_source.startswith("H200 SXM, dense bf16")
    assert found.forward_flops_per_token * 3 == found.flops_per_token
    assert found.doubts == []


def test_published_anchors_are_what_their_authors_say():
    """llm.c: 218k tokens/s per A100 is 59.9 %, 475k per H100 41 %."""
    a100 = throughput(218_000.0, GPT2, "NVIDIA A100-SXM4-80GB", None, 0)
    h100 = throughput(475_000.0, GPT2, "NVIDIA H100 80GB HBM3", None, 0)
    assert a100.mfu == pytest.approx(0.599, abs=0.002)
    assert h100.mfu == pytest.approx(0.41, abs=0.002)


@pytest.mark.parametrize("name", ["AMD EPYC", "NVIDIA GB10", "Tesla V100-SXM2-32GB"])
def test_a_device_without_a_peak_has_a_share_of_the_product_alone(name):
    found = throughput(1000.0, GPT2, name, MatmulRate(1.71, 1024, "bfloat16", 0.1), 0)
    assert (found.mfu, found.mfu_causal, found.peak_tflops) == (None, None, None)
    assert found.peak_tflops_source is None
    assert found.share_of_matmul == pytest.approx(0.5, abs=1e-3)
    assert tokens_per_s_at(0.5, GPT2, name) is None


def test_what_was_not_measured_is_none():
    found = throughput(None, GPT2, "NVIDIA H200", None, 0)
    unknown = ("tokens_per_s", "achieved_tflops", "mfu", "mfu_causal", "share_of_matmul")
    assert [getattr(found, name) for name in unknown] == [None] * 5
    assert (found.matmul_tflops, found.matmul_size, found.matmul_dtype) == (None, None, None)
    assert found.flops_per_token > 0


def test_pruned_weights_lower_the_useful_work_and_nothing_else():
    dense = throughput(520_000.0, GPT2, "NVIDIA H200", MATMUL, 0)
    pruned = throughput(520_000.0, GPT2, "NVIDIA H200", MATMUL, 42_467_328)
    assert pruned.useful_flops_per_token == dense.flops_per_token - 6 * 42_467_328
    assert dataclasses.replace(pruned, useful_flops_per_token=dense.useful_flops_per_token) == dense


@pytest.mark.parametrize(
    ("name", "mfu", "is_doubtful"),
    [
        ("NVIDIA H200", 0.62, False),
        ("NVIDIA H200", 0.64, True),
        ("NVIDIA A100-SXM4-80GB", 0.64, False),
        ("NVIDIA A100-SXM4-80GB", 0.86, True),
    ],
)
def test_an_mfu_that_is_too_good_is_doubted(name, mfu, is_doubtful):
    found = throughput(tokens_per_s_at(mfu, GPT2, name), GPT2, name, None, 0)
    assert found.mfu == pytest.approx(mfu)
    assert bool(found.doubts) is is_doubtful


def test_more_than_the_measured_product_is_doubted():
    found = throughput(1e6, GPT2, "AMD EPYC", MATMUL, 0)
    assert found.share_of_matmul > 1
    assert len(found.doubts) == 1
    assert "impossible" in found.doubts[0]


def test_the_expected_speed_at_half_the_peak():
    assert tokens_per_s_at(0.5, GPT2, "NVIDIA A100-SXM4-80GB") == pytest.approx(182_530, rel=1e-4)


def test_it_is_json():
    found = throughput(520_000.0, GPT2, "NVIDIA H200", MATMUL, 0)
    json.dumps(dataclasses.asdict(found), allow_nan=False)
