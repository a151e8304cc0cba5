"""What a run reports of itself agrees with what can be counted from outside."""

import json

import pytest

from gpt2.trainers.run import determinism
from lib.device import processor
from lib.metrics import read_metrics


@pytest.fixture
def summary(train):
    outcome, run = train(PRUNING_METHOD="magnitude", TARGET_SPARSITY="0.75")
    return run, outcome


def test_bytes_and_parameters(summary):
    _, outcome = summary
    memory, params = outcome.measured["memory"], outcome.measured["params"]
    # 2 blocks of 12 x 32^2 weights, in 8 matrices.
    assert params["prunable"] == 2 * 12 * 32 * 32
    assert params["total"] - params["nonzero"] == 0.75 * params["prunable"]
    assert memory["weights_bytes"] == memory["gradients_bytes"] == 4 * params["total"]
    # Two moments, and one float32 step counter for each of the 28 tensors.
    assert memory["optimizer_bytes"] == 8 * params["total"] + 4 * 28
    assert memory["mask_bytes"] == memory["score_bytes"] == 0
    assert memory["peak_rss_bytes"] > 50e6
    assert memory["peak_allocated_bytes"] is None


def test_sparsity_is_exact_in_total_and_by_tensor(summary):
    run, outcome = summary
    pruning = outcome.measured["pruning"]
    assert pruning["achieved_sparsity"] == 0.75
    assert len(pruning["per_tensor"]) == 8
    assert set(pruning["per_tensor"].values()) == {0.75}
    events = read_metrics(run.metrics_path, {"prune"})
    assert set(events[-1]["per_tensor"].values()) == {0.75}
    assert {event["waited_steps"] for event in events} == {0}
    assert all(event["prune_ms"] > 0 for event in events)
    assert events[-1]["achieved"] == events[-1]["target"] == 0.75
    assert sum(event["newly_pruned"] for event in events) == 0.75 * 2 * 12 * 32 * 32


def test_times_add_up(summary):
    _, outcome = summary
    time = outcome.measured["time"]
    assert time["startup_s"] + time["train_s"] + time["eval_s"] <= time["total_s"]
    assert time["data_s"] + time["optimizer_s"] + time["prune_ms_total"] / 1e3 <= time["train_s"]
    assert 0 < time["checkpoint_s"] < time["total_s"]
    assert 0 < time["optimizer_ms_median"] < time["step_ms_median"] <= time["step_ms_p95"]


def test_the_rest_of_the_peak_is_what_was_not_computed(summary):
    _, outcome = summary
    memory = outcome.measured["memory"]
    parts = ("weights", "gradients", "optimizer", "mask", "score", "rest")
    assert sum(memory[f"{part}_bytes"] for part in parts) == memory["peak_rss_bytes"]


def test_the_speed_is_turned_into_work(summary):
    _, outcome = summary
    speed, params = outcome.measured["throughput"], outcome.measured["params"]
    flops = speed["flops_per_token"]
    conventions = speed["flops_per_token_by_convention"]
    assert list(conventions) == ["exact", "exact-causal", "palm"]
    assert conventions["exact"] == flops
    # N without the 32 positions; 2 layers of full attention over 32 tokens, all heads 32 wide.
    assert conventions["palm"] == 6 * (params["total"] - 32 * 32) + 12 * 2 * 32 * 32
    pruned = params["total"] - params["nonzero"]
    assert speed["useful_flops_per_token"] == flops - 6 * pruned < flops
    assert speed["achieved_tflops"] == pytest.approx(speed["tokens_per_s"] * flops / 1e12)
    # A processor has no known peak, and nothing was measured to take its place.
    unknown = ("mfu", "mfu_causal", "peak_tflops", "peak_tflops_source", "share_of_matmul")
    assert [speed[name] for name in unknown] == [None] * len(unknown)


def test_it_is_json_without_surprises(summary):
    _, outcome = summary
    json.dumps(outcome.measured, allow_nan=False)


def test_provenance_names_device_and_data(summary):
    run, _ = summary
    provenance = run.provenance()
    assert provenance["hardware"]["device"] == "cpu"
    assert provenance["hardware"]["threads"] == 1
    assert len(provenance["data"]["hash"]) == 64
    assert provenance["determinism"] == "same-device"


def test_how_far_a_repetition_agrees():
    settings = {"DETERMINISTIC": False, "MAX_TIME": 0, "EXTRA_ITERATIONS_PCT": 0}
    assert determinism(settings, processor()) == "same-device"
    # The clock decides how many steps fit, whatever the arithmetic repeats.
    by_time = settings | {"MAX_TIME": 60, "DETERMINISTIC": True}
    assert determinism(by_time, processor()) == "statistical"
