"""What `.config` offers of scores, schedules and distributions, and when it asks for what."""

import pytest

from lib.kconfig import ConfigError
from lib.pruning.schedule import build_schedule
from lib.pruning.scores import DOCUMENTED, build_score

STEPS = 200


@pytest.fixture
def arm(one_run):
    """arm(METHOD, NAME=value, ...): the settings of one pruned run."""

    def make(method, **overrides):
        optimizer = "adamwprune" if method == "state" else "adamw"
        return one_run(OPTIMIZER=optimizer, PRUNING_METHOD=method, **overrides)

    return make


def schedule_of(settings):
    return build_schedule(
        settings["PRUNING_SCHEDULE"],
        target=settings["TARGET_SPARSITY"],
        begin_pct=settings["PRUNING_BEGIN_PCT"],
        end_pct=settings["PRUNING_END_PCT"],
        frequency=settings["PRUNING_FREQUENCY"],
        total_steps=STEPS,
    )


def test_every_score_can_be_chosen(tree):
    methods = set(tree.groups["PRUNING_METHOD"].values) - {"none", "state"}
    assert methods | set(tree.groups["ADAMWPRUNE_VARIANT"].values) == set(DOCUMENTED)


@pytest.mark.parametrize("variant", [f"bitter{i}" for i in range(10)])
def test_every_variant_gets_its_score(arm, variant):
    settings = arm("state", ADAMWPRUNE_VARIANT=variant)
    assert build_score(settings["ADAMWPRUNE_VARIANT"], settings) is not None


def test_alpha_is_typed_and_bounded(arm, configure):
    assert build_score("salpha", arm("salpha", PRUNING_ALPHA="0.125")).formula == "|w| v^0.125"
    assert build_score("salpha", arm("salpha")).formula == "|w| v^0.25"
    for bad in ("nan", "inf", "2", "-1.5"):
        with pytest.raises(ConfigError, match=rf"PRUNING_ALPHA={bad} is .* float in \[-1, 1\]"):
            configure(PRUNING_METHOD="salpha", PRUNING_ALPHA=bad)


def test_normalise_is_asked_for_where_it_acts(arm, configure):
    plain, normalised = (
        build_score(
            "bitter9", arm("state", ADAMWPRUNE_VARIANT="bitter9", ADAMWPRUNE_NORMALISE=value)
        )
        for value in ("n", "y")
    )
    assert (plain.is_scale_invariant, normalised.is_scale_invariant) == (False, True)
    pruned = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state", "ADAMWPRUNE_VARIANT": "bitter3"}
    with pytest.raises(ConfigError, match="ADAMWPRUNE_NORMALISE=y wants"):
        configure(**pruned, ADAMWPRUNE_NORMALISE="y")


@pytest.mark.parametrize("name", ["zhu-gupta", "linear", "late-cubic", "one-shot", "constant"])
def test_every_schedule_is_built_from_its_settings(arm, name):
    found = schedule_of(arm("magnitude", PRUNING_SCHEDULE=name))
    begin, end = {"one-shot": (50, 50), "constant": (1, 1)}.get(name, (50, 150))
    assert (found.begin, found.end) == (begin, end)


@pytest.mark.parametrize(
    ("schedule", "asked"),
    [
        ("linear", {"PRUNING_BEGIN_PCT", "PRUNING_END_PCT", "PRUNING_FREQUENCY"}),
        ("one-shot", {"PRUNING_BEGIN_PCT"}),
        ("constant", set()),
    ],
)
def test_steps_are_asked_for_where_the_schedule_reads_them(configure, schedule, asked):
    configuration = configure(PRUNING_METHOD="magnitude", PRUNING_SCHEDULE=schedule)
    names = ("PRUNING_BEGIN_PCT", "PRUNING_END_PCT", "PRUNING_FREQUENCY")
    assert {name for name in names if configuration.value(name).is_visible} == asked


@pytest.mark.parametrize("distribution", ["erk", "depth"])
def test_shapes_and_blocks_divide_weights_and_no_groups(arm, configure, distribution):
    assert arm("magnitude", PRUNING_DISTRIBUTION=distribution)["PRUNING_DISTRIBUTION"]
    grouped = {"PRUNING_METHOD": "magnitude", "PRUNING_PATTERN": "2-4"}
    assert not configure(**grouped).value("TARGET_SPARSITY").is_visible
    with pytest.raises(ConfigError, match="wants PRUNING_PATTERN_UNSTRUCTURED"):
        configure(**grouped, PRUNING_DISTRIBUTION=distribution)


def test_methods_of_v_can_stand_beside_optimizers_without_it(configure):
    """The pairs that make no sense are dropped from the plan, one by one."""
    axes = configure(OPTIMIZER="adamw,sgd", PRUNING_METHOD="obd,salpha,random").axes()
    assert axes["PRUNING_METHOD"] == ("random", "obd", "salpha")
