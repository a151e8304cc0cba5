"""None of the instruments changes a bit of the training; all of them leave what they say."""

import math
import statistics

import numpy as np
import pytest

from lib.histograms import buckets
from lib.metrics import read_metrics

ALL = {
    "MEASURE_MATMUL": "y",
    "LOG_DETAIL": "y",
    "GRADIENT_MONITOR": "y",
    "GRADIENT_INTERVAL": 1,
    "GRADIENT_HISTOGRAM": "y",
    "PARAMETER_HISTOGRAM": "y",
    "LOG_INTERVAL": 1,
}


@pytest.mark.parametrize(
    "arm",
    [{}, {"PRUNING_METHOD": "magnitude", "TARGET_SPARSITY": "0.5"}, {"GRADIENT_ACCUMULATION": 3}],
    ids=["dense", "pruned", "accumulated"],
)
def test_the_weights_are_the_same_bits_with_all_instruments_and_with_none(
    train, final_weights, equal, arm
):
    common = {"DROPOUT": "0.1", "MAX_ITERS": 20} | arm
    train(**common, MEASURE_MATMUL="n")
    train(**common, **ALL)
    assert equal(*final_weights)


def assert_parameters_are(run, weights):
    """The last row of parameters is of the weights after the last step, by numpy."""
    rows = read_metrics(run.metrics_path, {"parameters"})
    assert [row["step"] for row in rows] == list(range(1, 21))
    values = np.abs(np.concatenate([w.double().numpy().ravel() for w in weights.values()]))
    last = rows[-1]
    assert last["norm"] == pytest.approx(np.linalg.norm(values), rel=1e-6)
    assert last["largest"] == values.max()
    assert last["zero_share"] == np.mean(values == 0)
    edges, counts = buckets(last["histogram"])
    assert counts == np.histogram(values, edges)[0].tolist()
    assert sum(counts) == values.size


def test_rows_and_summary_hold_what_was_measured(train, final_weights):
    outcome, run = train(**ALL)
    rows = read_metrics(run.metrics_path, {"gradients"})
    assert [row["step"] for row in rows] == list(range(1, 21))
    for row, line in zip(rows, read_metrics(run.metrics_path, {"train"}), strict=True):
        # One step a line, so the mean of the log is the norm of the step.
        assert row["norm"] == pytest.approx(line["gradient_norm"], rel=1e-5)
        layers = row["layer_norms"].values()
        assert row["norm"] == pytest.approx(math.hypot(*layers), rel=1e-6)
        histogram = row["histogram"]
        rest = sum(histogram[name] for name in ("zero", "below", "above", "not_finite"))
        assert sum(histogram["counts"]) + rest == outcome.measured["params"]["total"]
    assert_parameters_are(run, final_weights[0])
    memory = read_metrics(run.metrics_path, {"memory"})
    assert [row["step"] for row in memory] == [10, 20]
    assert memory[-1]["optimizer_bytes"] == outcome.measured["memory"]["optimizer_bytes"]
    assert outcome.measured["throughput"]["share_of_matmul"] > 0
    time = outcome.measured["time"]
    parts = ("data_s", "forward_backward_s", "optimizer_s", "overhead_s")
    inside = sum(time[part] for part in parts) + time["prune_ms_total"] / 1e3
    assert inside <= time["train_s"]
    assert inside == pytest.approx(time["train_s"], rel=0.05)
    assert "MODEL" in run.log_path.read_text()


def test_a_log_line_s_row_has_speed_memory_and_the_spread_of_the_loss(train, monkeypatch):
    """What docs/results.md lists, on a processor that calls itself a GPU with a known peak."""
    monkeypatch.setattr("lib.device.cpu_model", lambda: "NVIDIA H200")
    outcome, run = train(MEASURE_MATMUL="y", LOG_INTERVAL=5, MAX_ITERS=20)
    _, by_step = train(LOG_INTERVAL=1, MAX_ITERS=20)
    losses = [row["loss"] for row in read_metrics(by_step.metrics_path, {"train"})]
    rows = read_metrics(run.metrics_path, {"train"})
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    flops = outcome.measured["throughput"]["flops_per_token"]
    product = outcome.measured["throughput"]["matmul_tflops"]
    for row in rows:
        tflops = row["tokens_per_s"] * flops / 1e12
        assert row["achieved_tflops"] == pytest.approx(tflops)
        assert row["mfu"] == pytest.approx(tflops / 989)
        assert row["share_of_matmul"] == pytest.approx(tflops / product)
        seen = losses[row["step"] - 5 : row["step"]]
        assert row["loss_variance"] == pytest.approx(statistics.variance(seen), rel=1e-3)
        assert 1 << 20 < row["rss_bytes"] <= row["peak_rss_bytes"]
        # A processor has no allocator that keeps books.
        assert row["allocated_bytes"] is row["peak_allocated_bytes"] is None
    peaks = [row["peak_rss_bytes"] for row in rows]
    assert peaks == sorted(peaks)
    # The system counts in batches of pages.
    assert outcome.measured["memory"]["peak_rss_bytes"] >= peaks[-1] - (4 << 20)
