"""The scheme of names, and that nothing a row can hold breaks a tracker."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from lib.histograms import BINS, EXPONENTS, buckets, histogram
from lib.trackers.names import values_of

ROW = {"step": 7, "tokens": 896, "time_s": 1.5}


def test_what_a_run_writes_has_these_names(rows):
    scalars, histograms, texts = {}, {}, {}
    for row in rows:
        values = values_of(row)
        assert values.step == row["step"]
        assert values.axes == {"progress/tokens": row["tokens"], "progress/time_s": row["time_s"]}
        scalars |= values.scalars
        histograms |= values.histograms
        texts |= values.texts
    assert set(scalars) >= {
        *("train/loss", "train/learning_rate", "eval/loss", "eval/perplexity"),
        *("eval/is_full_split", "gradients/norm", "gradients/clipped", "throughput/step_ms"),
        *("throughput/achieved_tflops", "step_memory/rss_bytes", "memory/rss_bytes"),
        *("throughput/tokens_per_s", "prune/sparsity", "prune/target_sparsity"),
        *("prune/per_tensor/blocks.0.attention.qkv.weight", "gradients/layer_norms/blocks.1"),
        *("parameters/layer_norms/token_embedding", "spike/factor", "checkpoint/bytes"),
    }
    assert set(histograms) == {"gradients/histogram", "parameters/histogram"}
    *_, sample = (row for row in rows if row["kind"] == "sample")
    assert texts["sample/text"] == sample["text"]
    # A count of a histogram is no curve: there were 52 of them once.
    assert not [name for name in scalars if "histogram" in name]


def test_no_curve_has_two_points_at_a_step(rows):
    points = [(row["step"], name) for row in rows for name in values_of(row).scalars]
    assert [point for point in set(points) if points.count(point) > 1] == []


def test_each_field_of_a_run_s_rows_is_shown_once_and_none_is_left_out(rows):
    """But for labels, and for numbers that were not measured."""
    for row in rows:
        values = values_of(row)
        shown = len(values.scalars) + len(values.histograms) + len(values.texts)
        fields = {k: v for k, v in row.items() if k not in ("kind", "step", "tokens", "time_s")}
        assert shown == sum(map(pieces, fields.values())) - has_label(row)


def pieces(value):
    """How many curves, histograms and texts a value is made of."""
    if isinstance(value, dict):
        return 1 if "counts" in value else sum(map(pieces, value.values()))
    return 0 if value is None else 1


def has_label(row):
    """Texts to read are those of samples; any other is a label."""
    return row["kind"] != "sample" and sum(isinstance(value, str) for value in row.values()) - 1


def test_a_field_that_nobody_has_heard_of_is_a_curve_of_its_kind():
    values = values_of({"kind": "hellaswag", **ROW, "accuracy": 0.25})
    assert values.scalars == {"hellaswag/accuracy": 0.25}


def test_what_is_not_finite_is_a_gap():
    row = {"kind": "train", **ROW, "loss": math.nan, "gradient_norm": None, "step_ms": math.inf}
    assert values_of(row).scalars == {}
    assert values_of({"kind": "train", "step": 0, "tokens": 0}).axes == {"progress/tokens": 0}


def test_numbers_in_lists_sort_as_they_are():
    row = {"kind": "gradients", **ROW, "norms": list(range(12))}
    names = list(values_of(row).scalars)
    assert names == sorted(names)
    assert names[3] == "gradients/norms/03"


# Zero and subnormal, below the bins, at both of their ends, inside, above, and not finite.
PLACES = st.sampled_from([0, 1, 86, 87, 88, 126, 127, 133, 134, 135, 254, 255])


@given(st.dictionaries(PLACES, st.integers(1, 9)), st.integers(0, 9))
def test_a_histogram_of_any_counts_is_whole_and_its_edges_rise(filled, zeros):
    counts = [filled.get(place, 0) for place in range(EXPONENTS)]
    row = histogram(counts, min(zeros, counts[0]))
    edges, shown = buckets(json.loads(json.dumps(row)))
    assert sum(shown) == sum(counts[:-1])
    assert len(edges) == len(shown) + 1 if shown else edges == []
    assert edges == sorted(set(edges))
    if shown:
        assert shown[0] > 0 < shown[-1]
        assert all(math.isfinite(edge) for edge in edges)
    values = values_of({"kind": "gradients", **ROW, "histogram": row})
    assert values.scalars == {}
    assert len(values.histograms) == (1 if shown else 0)


def test_the_edges_of_a_histogram_are_the_powers_of_its_bins():
    counts = [0] * EXPONENTS
    counts[0], counts[127], counts[129] = 7, 2, 3  # zeros; 1 <= |x| < 2; 4 <= |x| < 8
    edges, shown = buckets(histogram(counts, zeros=6))
    assert (edges[0], edges[1], edges[-4:]) == (0.0, 2.0**-40, [1.0, 2.0, 4.0, 8.0])
    assert (shown[0], shown[-3:], sum(shown)) == (7, [2, 0, 3], 12)
    counts[200] = 1
    edges, shown = buckets(histogram(counts, zeros=6))
    assert (edges[-2:], shown[-1], len(shown)) == ([2.0**8, 2.0**128], 1, BINS + 2)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=6), anything, max_size=5), st.text(max_size=6))
def test_any_row_has_values_and_each_number_is_there_once(fields, kind):
    row = {**fields, "kind": kind, "step": 3, "tokens": 4}
    values = values_of(json.loads(json.dumps(row)))
    assert all(math.isfinite(number) for number in values.scalars.values())
    assert not set(values.scalars) & set(values.axes)
    flat = [v for k, v in fields.items() if k not in ("kind", "step", "tokens", "time_s")]
    plain = [v for v in flat if isinstance(v, int | float) and math.isfinite(v)]
    assert len(values.scalars) >= len(plain)
