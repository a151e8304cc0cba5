"""The scheme of names, and that nothing a row can hold breaks a tracker."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from lib.trackers.names import Histogram, values_of

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
    assert set(scalars) == {
        *("train/loss", "train/learning_rate", "eval/loss", "eval/perplexity"),
        *("eval/is_full_split", "gradients/norm", "gradients/clipped", "throughput/step_ms"),
        *("throughput/tokens_per_s", "prune/sparsity", "prune/target_sparsity"),
        *("prune/per_tensor/h.0.attn.weight", "prune/per_tensor/h.0.mlp.weight"),
        *("gradients/layer_norms/0", "gradients/layer_norms/1"),
    }
    assert histograms == {"gradients/histogram": Histogram([1, 5, 2], [-1.0, 0.0, 0.5, 2.0])}
    assert texts == {"sample/prompt": "To", "sample/text": "To be <or> not\nto be"}


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
