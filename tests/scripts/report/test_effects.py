import re

import pytest

from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard
from scripts.report.verdict import verdict

STEPS = ("adamw V1", "adamw V3", "adamw RT")
TWIN = {"adamw V1": "adamw V0c", "adamw V3": "adamw V0c-V3", "adamw RT": "adamw V0c"}
SEEDS = (1337, 1338, 1339, 1340)


def shifted(**effects):
    """Twins at 1.7 and steps at given distances from them, seed by seed."""

    def change(item):
        step = item.arm.split(" ")[1]
        item.loss = 1.6 if step == "V0" else 1.7 + 0.01 * (item.seed % 3)
        item.loss += effects.get(step, (0.0,) * 4)[SEEDS.index(item.seed)]

    return change


def verdict_of(folder):
    return verdict(Scoreboard(load_matrix(folder)))


def everything(found):
    return " ".join([found.headline, *found.paragraphs])


NOISE = (0.001, -0.001, 0.0005, -0.0005)
BELOW = (-0.020, -0.021, -0.019, -0.020)
FURTHER = (-0.040, -0.041, -0.039, -0.040)
ABOVE = (0.020, 0.021, 0.019, 0.020)


def test_the_step_that_ends_below_its_twin_is_the_headline(results, study_of):
    found = verdict_of(study_of(results, 3, shifted(RT=BELOW, V1=NOISE, V3=ABOVE)))
    assert re.fullmatch(
        r"adamw RT ends below its plain twin adamw V0c: -0\.0200 \+- 0\.00\d\d nats\.",
        found.headline,
    )
    assert "3 comparisons, with 95 % intervals that are not corrected" in found.paragraphs[0]
    assert re.match(
        r"The interval excludes zero for 2 steps: adamw V3 \(\+0\.0200 .*\) and adamw RT \(-0\.02",
        found.paragraphs[1],
    )
    # RT is of another class of functions; V3 is its twin in other weights.
    assert found.paragraphs[1].endswith("adamw V3 can compute nothing that its twin cannot.")
    assert found.paragraphs[2].startswith(
        "The interval includes zero for 1 step, so no difference is shown: adamw V1 (+0.0002 +- "
    )


def test_of_several_the_headline_names_the_one_furthest_below(results, study_of):
    found = verdict_of(study_of(results, 3, shifted(V1=BELOW, RT=FURTHER, V3=NOISE)))
    assert found.headline.startswith("adamw RT ends below its plain twin adamw V0c: -0.0400")
    assert found.headline.endswith("; 2 of 3 steps do.")


def test_nothing_is_said_of_the_distance_to_the_baseline(results, study_of):
    """V0 ends 0.1 nats lower than all others, for reasons that are none of the steps'."""
    for effects in ({}, {"RT": BELOW}, {"RT": ABOVE}):
        found = verdict_of(study_of(results, 3, shifted(**effects)))
        assert "V0 " not in everything(found)
        assert "baseline" not in everything(found)
        assert "perplexity" not in everything(found)


def test_steps_above_their_twins_are_no_gain(results, study_of):
    found = verdict_of(study_of(results, 3, shifted(V3=ABOVE, V1=NOISE, RT=NOISE)))
    assert found.headline == (
        "No step is shown to end below its plain twin; 1 of 3 steps ends above."
    )


def test_intervals_with_zero_show_no_difference(results, study_of):
    found = verdict_of(study_of(results, 3, shifted(V1=NOISE, V3=NOISE, RT=NOISE)))
    assert found.headline == "No step is shown to differ from its plain twin, of 3 compared."
    assert "The interval includes zero for 3 steps" in found.paragraphs[1]
    assert "excludes zero for" not in everything(found)


def test_one_step_is_named(results, study_of):
    controls = {"adamw V1": "adamw V0c"}
    losses = {"adamw V0": 1.6, "adamw V1": 1.7, "adamw V0c": 1.7}
    folder = study_of(results, 3, shifted(V1=NOISE), losses=losses, controls=controls)
    found = verdict_of(folder)
    assert found.headline == ("adamw V1 is not shown to differ from its plain twin adamw V0c.")
    assert "1 comparison, with" in found.paragraphs[0]


@pytest.mark.parametrize(("seeds", "claim"), [(1, "One seed, no claim."), (2, "Two seeds, no")])
def test_few_seeds_make_no_claim(results, study_of, seeds, claim):
    found = verdict_of(study_of(results, seeds, shifted(V1=NOISE, V3=ABOVE, RT=BELOW)))
    assert found.headline.startswith("The steps end between -0.020")
    assert claim in found.headline
    assert "interval" not in everything(found)
    assert "adamw V3 (+0.0200" in found.paragraphs[0]


def test_a_step_with_fewer_pairs_stands_apart(results, study_of):
    change = shifted(V1=NOISE, V3=NOISE, RT=NOISE)

    def changed(item):
        change(item)
        if item.arm == "adamw V0c-V3" and item.seed != 1337:
            item.status = "failed"

    found = verdict_of(study_of(results, 3, changed))
    assert "Fewer than 3 pairs of equal seed, so no claim: adamw V3 (+0.0010 nats)." in (
        found.paragraphs
    )
    assert "of 2 compared" in found.headline


def test_without_a_twin_there_is_no_effect_to_speak_of(results, study_of):
    found = verdict_of(study_of(results, 3, controls=dict.fromkeys(STEPS)))
    assert found.headline == (
        "No step stands beside a finished run of its plain twin: no effect is shown."
    )
    assert sum("stands here without its plain twin" in text for text in found.cautions) == 3


def test_what_the_leader_costs_next_to_its_twin(results, study_of):
    change = shifted(RT=BELOW, V1=NOISE, V3=NOISE)

    def changed(item):
        change(item)
        if item.arm == "adamw RT":
            item.summary = {"memory.optimizer_bytes": 480_000}

    found = verdict_of(study_of(results, 3, changed))
    assert any(
        text.startswith("Next to adamw V0c:") and "50.0 % less optimizer state" in text
        for text in found.paragraphs
    )


def test_many_steps_stay_a_sentence(results, study_of):
    arms = {f"adamw V{k}": 1.7 for k in range(1, 19)} | {"adamw V0c": 1.7}
    controls = {arm: "adamw V0c" for arm in arms if arm != "adamw V0c"}
    found = verdict_of(study_of(results, 3, losses=arms, controls=controls))
    text = " ".join(found.paragraphs)
    assert "18 comparisons" in text
    assert re.search(r"and \d more in the scoreboard", text)


def test_forced_awakenings_are_said(results, study_of):
    def changed(item):
        if item.arm == "adamw V3":
            activation = {"policy": "variance", "woken_at": 75, "reason": "forced"}
            item.summary = {"reciprocal": {"activation": activation}}

    found = verdict_of(study_of(results, 1, changed))
    assert (
        "A quarter of the run was over before their own rule woke them up: adamw V3."
        in found.cautions
    )
