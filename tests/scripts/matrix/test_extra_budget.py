"""Arms of another budget: which, beside what, and that nothing else changes for it."""

import json

import pytest

from gpt2.budget import tokens_per_step, total_steps
from lib.runs import run_name
from scripts.matrix.expand import expand
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text

VARIANTS = {"ADAMWPRUNE_VARIANT": "bitter1,bitter2,bitter3"}


def arms(expansion):
    return [(run.arm, run.budget) for run in expansion.runs]


def test_without_the_option_every_arm_has_one_budget(configure):
    expansion = expand(configure(**VARIANTS))
    assert {budget for _, budget in arms(expansion)} == {""}
    assert "EXTRA_ITERATIONS_PCT" not in expansion.axes


def test_more_steps_for_the_variants_that_had_them_and_for_what_they_stand_beside(configure):
    expansion = expand(configure(EXTRA_BUDGET="iterations", **VARIANTS))
    assert arms(expansion) == [
        ("adamw", ""),
        ("adamw+magnitude@50%", ""),
        ("adamwprune", ""),
        ("adamwprune+bitter1@50%", ""),
        ("adamw+21%steps", "+21%steps"),
        ("adamw+magnitude@50%+21%steps", "+21%steps"),
        ("adamwprune+bitter2@50%+21%steps", "+21%steps"),
        ("adamw+30%steps", "+30%steps"),
        ("adamw+magnitude@50%+30%steps", "+30%steps"),
        ("adamwprune+bitter3@50%+30%steps", "+30%steps"),
    ]
    assert expansion.axes["EXTRA_ITERATIONS_PCT"] == [0, 21, 30]
    steps = {run.arm: total_steps(run.configuration.typed(), None) for run in expansion.runs}
    assert (steps["adamw"], steps["adamw+21%steps"], steps["adamw+30%steps"]) == (20, 24, 26)


def test_a_larger_batch_is_for_bitter2_alone(configure):
    expansion = expand(configure(EXTRA_BUDGET="batch", **VARIANTS))
    extended = [run for run in expansion.runs if run.budget]
    assert [run.arm for run in extended] == [
        "adamw+14%batch",
        "adamw+magnitude@50%+14%batch",
        "adamwprune+bitter2@50%+14%batch",
    ]
    # 4 sequences of 32 tokens, and 14 per cent more in whole sequences.
    assert {tokens_per_step(run.configuration.typed()) for run in extended} == {5 * 32}


def test_a_run_of_the_plan_is_a_run_by_itself(configure):
    """Its own configuration has no EXTRA_BUDGET, so computing it again extends nothing twice."""
    for run in expand(configure(EXTRA_BUDGET="iterations", **VARIANTS)).runs:
        assert run.configuration.typed().EXTRA_BUDGET == "none"
        alone = expand(run.configuration).runs
        assert [(one.hash, one.arm, one.budget) for one in alone] == [
            (run.hash, run.arm, run.budget)
        ]


def test_arms_of_the_plan_s_own_budget_are_the_runs_that_they_were(configure):
    before = {run.arm: run.hash for run in expand(configure(**VARIANTS)).runs}
    after = {run.arm: run.hash for run in expand(configure(EXTRA_BUDGET="batch", **VARIANTS)).runs}
    assert after["adamw"] == before["adamw"]
    assert after["adamwprune+bitter3@50%"] == before["adamwprune+bitter3@50%"]
    assert len(set(after.values())) == len(after)


def test_sweeps_and_seeds_go_through_every_budget(configure):
    expansion = expand(
        configure(EXTRA_BUDGET="batch", SWEEP="TARGET_SPARSITY=0.5,0.9", SEEDS=2, **VARIANTS)
    )
    extended = [run for run in expansion.runs if run.budget]
    assert len(extended) == 2 * (1 + 2 + 2)
    assert "adamw+magnitude@90%+14%batch" in {run.arm for run in extended}


@pytest.mark.parametrize(
    ("narrowed", "missing"),
    [
        ({"PRUNING_METHOD": "magnitude,state"}, "no dense arm"),
        (
            {"PRUNING_METHOD": "none,state", "ADAMWPRUNE_VARIANT": "bitter2"},
            "no magnitude arm",
        ),
    ],
)
def test_without_company_of_its_budget_an_arm_is_not_planned(configure, narrowed, missing):
    with pytest.raises(ValueError, match=rf"EXTRA_BUDGET=iterations finds {missing}(.|\n)*none"):
        expand(configure(EXTRA_BUDGET="iterations", **(VARIANTS | narrowed)))


def test_bitter1_is_the_magnitude_arm_where_there_is_no_other(configure):
    asked = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "none,state"}
    expansion = expand(configure(EXTRA_BUDGET="batch", **(VARIANTS | asked)))
    assert [run.arm for run in expansion.runs if run.budget] == [
        "adamwprune+14%batch",
        "adamwprune+bitter1@50%+14%batch",
        "adamwprune+bitter2@50%+14%batch",
    ]


def test_two_ways_to_ask_for_more_are_refused_together(configure):
    for both in ({"EXTRA_ITERATIONS_PCT": 5}, {"SWEEP": "EXTRA_BATCH_PCT=0,5"}):
        with pytest.raises(ValueError, match="Set EXTRA_BUDGET=none, or leave EXTRA_"):
            expand(configure(EXTRA_BUDGET="iterations", **both))


def test_the_plan_says_what_is_not_the_same_budget(configure):
    result = plan(configure(EXTRA_BUDGET="iterations", **VARIANTS))
    document = json.loads(json.dumps(result.as_json()))
    assert document["budget"] == ""
    assert document["baseline"] == "adamw"
    assert document["baselines"] == {
        "+21%steps": "adamw+21%steps",
        "+30%steps": "adamw+30%steps",
    }
    assert [run["budget"] for run in document["runs"]].count("+21%steps") == 3
    assert document["parity"] == {}
    text = plan_text(result)
    assert "NOT THE SAME BUDGET: 3 runs with +21%steps" in text
    assert "equally many tokens" not in text


def test_a_plan_without_such_an_arm_says_so(configure):
    text = plan_text(plan(configure(EXTRA_BUDGET="batch", OPTIMIZER="adamw")))
    assert "EXTRA_BUDGET=batch: no arm of this plan has an extra budget." in text


def test_more_for_all_is_the_plan_s_own_budget(configure):
    result = plan(configure(EXTRA_ITERATIONS_PCT=30))
    assert (result.budget, result.other_budgets) == ("+30%steps", [])
    assert result.baseline(result.budget) == "adamw+30%steps"
    swept = plan(configure(SWEEP="EXTRA_ITERATIONS_PCT=0,30"))
    assert (swept.budget, swept.other_budgets) == ("", ["+30%steps"])
    assert "adamw+30%steps" in {planned.run.arm for planned in swept.runs}


def test_names_of_folders_stay_safe(configure):
    run = expand(configure(EXTRA_BUDGET="iterations", **VARIANTS)).runs[-1]
    name = run_name(run.configuration.typed())
    assert name == "custom-pystdlib-adamwprune-bitter3-50-30steps-s1337"
