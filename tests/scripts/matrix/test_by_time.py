"""A matrix of runs that a time ends: what the plan says, and with what it is not compared."""

import json

from lib.runs import run_name
from scripts.matrix.expand import expand
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text
from scripts.status import lines

DENSE = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}


def test_the_plan_says_the_time_and_no_steps(configure):
    result = plan(configure(TIME=90))
    result.write()
    text = plan_text(result)
    rows = [line.split() for line in text.split("\n") if "pending" in line]
    assert len(rows) == 4
    for row in rows:
        assert row[2:7] == ["pending", "by", "time", "by", "time"]
        assert row[-1] == "1:30"
    assert rows[1][0] == "adamw+magnitude@50%+90s"
    assert "4 runs by time, 90 s of training each: steps and tokens are not known" in text
    assert "4 runs to compute, about 6:00 one by one." in text
    matrix = json.loads((result.folder / "matrix.json").read_text())
    assert (matrix["budget"], matrix["baseline"]) == ("+90s", "adamw+90s")
    for run in matrix["runs"]:
        assert (run["budget"], run["steps"], run["tokens"]) == ("+90s", None, None)
    assert matrix["parity"] == {}


def test_a_limit_of_steps_is_said_where_it_was_given(configure):
    text = plan_text(plan(configure(TIME=90, MAX_ITERS=500, **DENSE)))
    assert "1 run by time, 90 s of training each and at most 500 steps" in text
    assert "adamw+90s-or-500steps" in text
    # That of the defconfig is none of the person's.
    (run,) = plan(configure(TIME=90, **DENSE)).runs
    assert run.settings["MAX_ITERS"] == 0


def test_each_time_of_a_sweep_is_a_budget_of_its_own(configure):
    result = plan(configure(SWEEP="TIME=30,60,0"))
    budgets = dict.fromkeys(planned.run.budget for planned in result.runs)
    assert list(budgets) == ["+30s", "+60s", ""]
    assert result.budget == ""
    assert result.baseline("+60s") == "adamw+60s"
    text = plan_text(result)
    assert "NOT THE SAME BUDGET: 4 runs with +30s" in text
    assert "MAX_TIME=" not in " ".join(planned.run.arm for planned in result.runs)
    steps = {planned.run.budget: planned.steps for planned in result.runs}
    assert result.parity() == {}
    # Without a time the steps are those of the defconfig.
    assert steps == {"+30s": None, "+60s": None, "": 20}


def test_an_extra_budget_is_more_time(configure):
    wanted = {"TIME": 100, "EXTRA_BUDGET": "iterations", "ADAMWPRUNE_VARIANT": "bitter1,bitter2"}
    arms = [run.arm for run in expand(configure(**wanted)).runs]
    assert "adamwprune+bitter2@50%+121s" in arms
    assert "adamw+121s" in arms
    assert "adamw+100s" in arms


def test_a_name_says_the_time(configure):
    config = configure(TIME=60, **DENSE).typed()
    assert run_name(config) == "custom-pystdlib-adamw-60s-s1337"
    limited = configure(TIME=60, MAX_ITERS=500, **DENSE).typed()
    assert run_name(limited) == "custom-pystdlib-adamw-60s-or-500steps-s1337"


def test_no_time_leaves_every_run_what_it_was(configure):
    """Published runs have this hash; it must not move."""
    assert "MAX_TIME" not in configure().typed().relevant()
    assert configure(TIME=0).typed().hash == configure().typed().hash
    assert configure(TIME=60).typed().hash != configure(TIME=61).typed().hash


def test_the_status_of_a_run_by_time(configure):
    result = plan(configure(TIME=90, **DENSE))
    result.write()
    (line,) = lines(result)
    assert (line.step, line.steps, line.left_s) == (None, None, 90.0)
