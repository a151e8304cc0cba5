"""None of the instruments changes a bit of the training; all of them leave what they say."""

import math

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
