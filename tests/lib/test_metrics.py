import json
import math

from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import MetricsWriter, read_metrics


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_rows_come_back_by_kind_in_step_order(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path, resume_step=0) as metrics:
        metrics.row("train", 2, 20, loss=1.5)
        metrics.row("eval", 1, 10, loss=2.5)
    assert read_metrics(path, {"train"}) == [
        {"kind": "train", "step": 2, "tokens": 20, "loss": 1.5}
    ]
    assert [row["step"] for row in read_metrics(path)] == [1, 2]


def test_numbers_without_a_word_in_json_are_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path, resume_step=0) as metrics:
        metrics.row("train", 1, 10, loss=math.nan, norm=math.inf)
    assert read_metrics(path)[0]["loss"] is None
    assert read_metrics(path)[0]["norm"] is None


def test_torn_lines_are_left_out_and_the_last_of_duplicates_counts(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [{"kind": "train", "step": 1, "loss": 9}, {"kind": "train", "step": 1, "loss": 8}])
    with open(path, "a") as file:
        file.write('[]\n{"kind": "train"}\n{"kind": "train", "step": 2, "lo')
    assert read_metrics(path) == [{"kind": "train", "step": 1, "loss": 8}]


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "none") == []


@given(steps=st.lists(st.integers(1, 50), max_size=20), resume=st.integers(0, 60))
def test_resuming_keeps_the_rows_up_to_the_step_and_no_other(tmp_path_factory, steps, resume):
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    write(path, [{"kind": "train", "step": step, "tokens": 0} for step in steps])
    with MetricsWriter(path, resume_step=resume) as metrics:
        metrics.row("train", resume + 1, 0)
    kept = {step for step in steps if step <= resume}
    assert [row["step"] for row in read_metrics(path)] == [*sorted(kept), resume + 1]
