import json
import re

import pytest

from lib.runs import RunDirectory
from scripts.report.compare.comparison import Comparison

SOURCES = {
    "parameters": "params.total",
    "loss": "val_loss",
    "perplexity": "val_perplexity",
    "mfu": "throughput.mfu",
    "matmul_share": "throughput.share_of_matmul",
    "flops_per_token": "throughput.flops_per_token",
    "attention_ratio": "throughput.attention_to_feed_forward",
    "tokens_per_s": "throughput.tokens_per_s",
    "peak_rss": "memory.peak_rss_bytes",
    "step_ms": "time.step_ms_median",
}
MEASURED = {"loss", "perplexity", "mfu", "matmul_share", "tokens_per_s", "peak_rss", "step_ms"}


def column(comparison, key):
    return next(column for column in comparison.columns if column.key == key)


def best(comparison, key):
    found = comparison.best(column(comparison, key))
    return [run.arm for run in comparison.runs if run.dir in found]


def ranked(comparison):
    return {column.key for column in comparison.columns if comparison.is_ranked(column)}


def test_every_number_is_that_of_the_summary(compared, model, results):
    specs = [model("gpt2", 1.65), model("llama", 1.60)]
    comparison = compared(specs)
    assert [column.key for column in comparison.columns] == list(SOURCES)
    for run, item in zip(comparison.runs, specs, strict=True):
        document = json.loads((results.root / item.dir / "summary.json").read_text())
        for key, name in SOURCES.items():
            value = document
            for part in name.split("."):
                value = value[part]
            assert comparison.value(run, column(comparison, key)) == value, key


def test_rows_are_numbered_because_architectures_may_repeat(compared, model):
    specs = [model("gpt2", seed=1), model("gpt2", seed=2), model("llama", seed=1)]
    assert [run.arm for run in compared(specs).runs] == ["1 gpt2", "2 gpt2", "3 llama"]


def test_the_best_is_the_lowest_or_the_highest_as_the_column_wants(compared, model):
    fast = {"throughput.tokens_per_s": 30000, "time.step_ms_median": 70.0}
    comparison = compared(
        [model("gpt2", 1.65, summary=fast), model("llama", 1.60), model("V1", 1.63)]
    )
    assert best(comparison, "loss") == best(comparison, "perplexity") == ["2 llama"]
    assert best(comparison, "tokens_per_s") == best(comparison, "step_ms") == ["1 gpt2"]
    # Facts have no best, and neither has a column in which all are equal.
    assert best(comparison, "parameters") == best(comparison, "flops_per_token") == []
    assert best(comparison, "peak_rss") == []


def test_values_that_read_alike_share_the_mark(compared, model):
    specs = [model("gpt2", 1.60001), model("llama", 1.60002), model("V1", 1.7)]
    assert best(compared(specs), "loss") == ["1 gpt2", "2 llama"]


def test_equal_conditions_rank_everything_that_is_measured(compared, model):
    comparison = compared([model("gpt2"), model("llama")])
    assert ranked(comparison) == MEASURED
    assert comparison.notes == []
    assert not any(map(comparison.is_grey, comparison.columns))


@pytest.mark.parametrize(
    ("summary", "provenance", "sentence", "still_ranked"),
    [
        (
            {"tokens": 5120}, {},
            r"Nothing is ranked: .* tokens seen \(614,400 in run 1; 5,120 in run 2\)\.", set(),
        ),
        (
            {}, {"data.hash": "e" * 64},
            r"Nothing is ranked: .* data \(shakespeare dddddddd in run 1; shakespeare eeeeeeee in",
            set(),
        ),
        (
            {"budget": {"seconds": 60.0, "most_steps": 500}}, {},
            r"Nothing is ranked: .* time of training \(not by time in run 1; 60 s or 500 steps on "
            r"aaaabbbbcccc in run 2\) and tokens seen \(614,400 in run 1; by time in run 2\)",
            set(),
        ),
        (
            {"val_tokens": 100}, {},
            r"Nothing is ranked: .* tokens evaluated \(111,360 in run 1; 100 in run 2\)", set(),
        ),
        (
            {"val_tokens": None}, {}, r"tokens evaluated \(.*; not recorded in run 2\)", set(),
        ),
        (
            {}, {"hardware.fingerprint": "ffff", "hardware.device_name": "A GPU"},
            r"Time and memory are not ranked: .* hardware fingerprint "
            r"\(aaaabbbbcccc: Example CPU in run 1; ffff: A GPU in run 2\)",
            {"loss", "perplexity"},
        ),
        (
            {"speed": {"dtype": "bfloat16"}}, {},
            r"Time and memory are not ranked: .* arithmetic \(float32 in run 1; bfloat16 in run 2",
            {"loss", "perplexity"},
        ),
    ],
)  # fmt: skip
def test_what_runs_differ_in_is_said_and_not_ranked(
    compared, model, summary, provenance, sentence, still_ranked
):
    comparison = compared([model("gpt2"), model("llama", 1.6, summary=summary,
                                                provenance=provenance)])  # fmt: skip
    assert ranked(comparison) == still_ranked
    (note,) = comparison.notes
    assert re.search(sentence, note), note
    grey = {c.key for c in comparison.columns if comparison.is_grey(c)}
    assert grey == MEASURED - still_ranked
    assert bool(best(comparison, "loss")) == ("loss" in still_ranked)
    assert best(comparison, "step_ms") == []


def test_runs_that_overlapped_on_one_machine_have_no_fastest(compared, model):
    def attempts(start, end):
        return {"attempts": [{"start": start, "end": end}]}

    apart = [
        model("gpt2", provenance=attempts("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z")),
        model("llama", provenance=attempts("2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z")),
    ]
    assert compared(apart).notes == []
    apart[1].provenance = attempts("2026-01-01T10:30:00Z", "2026-01-01T13:00:00Z")
    together = compared(apart)
    assert ranked(together) == {"loss", "perplexity", "peak_rss"}
    assert together.notes == [
        "Times are not ranked: runs overlapped on one machine and slowed each other."
    ]


def test_a_run_without_the_newer_fields_has_gaps_and_no_zeros(compared, model, spec, results):
    old = spec(seed=9)
    comparison = compared([model("gpt2"), old])
    run = comparison.runs[1]
    for key in ("mfu", "matmul_share", "attention_ratio"):
        assert comparison.value(run, column(comparison, key)) is None
    bare = {"schema": 1, "status": "done", "config_hash": old.hash}
    (results.root / old.dir / "summary.json").write_text(json.dumps(bare))
    (results.root / old.dir / "run.json").unlink()
    comparison = Comparison([run_of(results, model("gpt2")), run_of(results, old)], results.root)
    run = comparison.runs[1]
    assert run.arm == "2 run"
    assert {comparison.value(run, column) for column in comparison.columns} == {None}
    assert "not recorded in run 2" in comparison.notes[0]


def run_of(results, item):
    return RunDirectory(results.root / item.dir)


@pytest.mark.parametrize("status", ["failed", "diverged", "oom"])
def test_a_run_that_did_not_reach_its_end_is_a_row_of_facts(compared, model, status):
    bad = model("llama", status=status, reason="out of memory", summary={"val_loss": 0.1})
    comparison = compared([model("gpt2"), bad, model("V1", 1.7)])
    run = comparison.runs[1]
    assert comparison.value(run, column(comparison, "parameters")) == 120_000
    measured = [column(comparison, key) for key in MEASURED]
    assert {comparison.value(run, each) for each in measured} == {None}
    assert best(comparison, "loss") == ["1 gpt2"]
    state = "failed" if status == "oom" else status
    assert comparison.notes == [f"2 llama {state}: out of memory. It has no numbers to compare."]


def test_one_run_is_the_best_of_nothing(compared, model):
    comparison = compared([model("gpt2")])
    assert not any(map(comparison.best, comparison.columns))
    assert comparison.notes == comparison.options == comparison.execution == []


def test_the_options_that_differ_are_those_of_the_frozen_configurations(compared, model, results):
    specs = [model("gpt2"), model("llama", axes={"ROPE_BASE": 10000.0}), model("V1", seed=2)]
    comparison = compared(specs)
    assert comparison.options == [
        ("ARCHITECTURE", ["gpt2", "llama", "V1"]),
        ("ROPE_BASE", ["-", "10000.0", "-"]),
        ("SEED", ["1337", "1337", "2"]),
    ]
    (results.root / specs[1].dir / "config.py").write_text("CONFIG_HASH = 1\n")
    comparison = Comparison([run_of(results, item) for item in specs], results.root)
    assert [run.arm for run in comparison.unreadable] == ["2 llama"]
    assert comparison.options == [
        ("ARCHITECTURE", ["gpt2", "not recorded", "V1"]),
        ("SEED", ["1337", "not recorded", "2"]),
    ]


def test_how_they_were_executed_is_shown_where_it_differs(compared, model):
    speed = {"dtype": "float32", "attention_in_use": "math", "compile": True}
    comparison = compared([model("gpt2"), model("V1", summary={"speed": speed})])
    assert comparison.execution == [("attention kernel", ["flash", "math"]),
                                    ("compiled", ["-", "yes"])]  # fmt: skip


def test_what_a_run_doubts_itself_is_passed_on(compared, model):
    doubts = {"throughput.doubts": ["an MFU of 130.0% is too good"]}
    comparison = compared([model("gpt2", summary=doubts), model("llama")])
    assert comparison.notes == ["1 gpt2: an MFU of 130.0% is too good."]


def test_peaks_of_devices_and_of_processes_are_two_columns(compared, model):
    on_gpu = {"memory.peak_allocated_bytes": 5 << 20}
    gpu = model("llama", summary=on_gpu, provenance={"hardware.device": "cuda"})
    comparison = compared([model("gpt2"), gpu])
    peaks = [c.key for c in comparison.columns if c.key.startswith("peak")]
    assert peaks == ["peak_rss", "peak_allocated"]
    values = [[comparison.value(run, column(comparison, key)) for key in peaks]
              for run in comparison.runs]  # fmt: skip
    assert values[0][1] is None
    assert values[1] == [None, 5 << 20]
