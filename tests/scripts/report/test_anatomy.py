import pytest

from scripts.report.anatomy import memory_bars, time_bars
from scripts.report.formats import MIB
from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard


def rows_of(results, *specs):
    return Scoreboard(load_matrix(results.matrix(specs))).rows


def test_memory_adds_up_to_the_measured_peak(results, spec):
    (bar,) = memory_bars(rows_of(results, spec("adamw+magnitude@50%")), "rss")
    assert list(bar.parts) == ["weights", "gradients", "optimizer state", "masks", "rest"]
    assert sum(bar.parts.values()) * MIB == pytest.approx(40_090_000)
    assert bar.parts["masks"] * MIB == pytest.approx(90_000)
    assert memory_bars(rows_of(results, spec()), "allocated") == []


def test_memory_without_a_peak_has_no_rest(results, spec):
    (bar,) = memory_bars(rows_of(results, spec(summary={"memory.peak_rss_bytes": None})), "rss")
    assert "rest" not in bar.parts
    assert bar.total_text == "peak not measured"


def test_an_unmeasured_part_of_memory_is_in_the_rest_and_said(results, spec):
    values = {"memory.optimizer_bytes": None}
    (bar,) = memory_bars(rows_of(results, spec(summary=values)), "rss")
    assert list(bar.parts) == ["weights", "gradients", "masks", "rest"]
    assert sum(bar.parts.values()) * MIB == pytest.approx(40_000_000)
    assert bar.missing == ["optimizer state"]


def test_time_adds_up_to_the_wall_time(results, spec):
    bars, unit = time_bars(rows_of(results, spec("adamw+magnitude@50%", seed=0)))
    parts = bars[0].parts
    assert unit == "s"
    # 300 steps of 119 ms, of which 18 ms are the optimizer; 0.4 s of data, 60 ms of pruning.
    assert parts["optimizer"] == pytest.approx(5.4)
    assert parts["pruning"] == pytest.approx(0.06)
    assert parts["forward and backward"] == pytest.approx(35.7 - 5.4 - 0.06 - 0.4)
    assert sum(parts.values()) == pytest.approx(35.7 + 4.5)


def test_the_clocked_optimizer_is_preferred_to_its_median(results, spec):
    bars, _ = time_bars(rows_of(results, spec(summary={"time.optimizer_s": 7.0})))
    assert bars[0].parts["optimizer"] == 7.0


def test_overhead_is_drawn_where_forward_and_backward_were_clocked(results, spec):
    name = "adamw+magnitude@50%"
    clocked = spec(name, seed=0, summary={"time.forward_backward_s": 29.0})
    bars, _ = time_bars(rows_of(results, clocked))
    parts = bars[0].parts
    assert parts["forward and backward"] == 29.0
    assert parts["overhead"] == pytest.approx(35.7 - 5.4 - 0.06 - 0.4 - 29.0)
    assert sum(parts.values()) == pytest.approx(35.7 + 4.5)


def test_more_than_the_whole_is_not_drawn(results, spec):
    wrong = spec(seed=0, summary={"time.forward_backward_s": 99.0})
    bars, _ = time_bars(rows_of(results, wrong))
    assert "overhead" not in bars[0].parts
    assert sum(bars[0].parts.values()) == pytest.approx(33.0 + 4.5)


def test_training_is_not_split_by_guess(results, spec):
    values = {"time.optimizer_ms_median": None}
    bars, _ = time_bars(rows_of(results, spec(summary=values)))
    assert "training, not split" in bars[0].parts
    assert "data" not in bars[0].parts
    assert bars[0].missing


def test_unknown_pruning_time_of_a_pruned_run_is_not_zero(results, spec):
    values = {"time.prune_ms_total": None}
    bars, _ = time_bars(rows_of(results, spec("adamw+magnitude@50%", summary=values)))
    assert "training, not split" in bars[0].parts


def test_parts_larger_than_the_whole_have_no_rest(results, spec):
    bars, _ = time_bars(rows_of(results, spec(summary={"time.total_s": 1.0})))
    assert "rest" not in bars[0].parts


def test_long_times_are_hours(results, spec):
    bars, unit = time_bars(rows_of(results, spec(summary={"time.total_s": 36_000.0})))
    assert unit == "h"
    assert sum(bars[0].parts.values()) == pytest.approx(10)


def test_unfinished_arms_have_no_bar(results, spec):
    rows = rows_of(results, spec(status="failed"))
    assert memory_bars(rows, "rss") == []
    assert time_bars(rows)[0] == []
