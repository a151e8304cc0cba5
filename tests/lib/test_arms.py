import pytest

from lib.arms import (
    arm_label,
    exclusion,
    optimizer_label,
    run_settings,
    settings_of,
    target_sparsity,
)
from lib.kconfig import override_layer


@pytest.mark.parametrize(
    ("optimizer", "method", "why"),
    [
        ("adamw", "none", None),
        ("adamw", "magnitude", None),
        ("adamw", "state", "needs OPTIMIZER=adamwprune"),
        ("adamwprune", "none", None),
        ("adamwprune", "magnitude", "takes none or state"),
        ("adamwprune", "state", None),
        ("adamwprune", "movement", "takes none or state"),
        ("adamwprune", "obd", "takes none or state"),
        ("adamwprune", "random", "for another method set OPTIMIZER to its base"),
        ("adamwspam", "obd", None),
        ("adamwspam", "state", "needs OPTIMIZER=adamwprune"),
        ("sgd", "magnitude", None),
        ("sgd", "movement", None),
        ("sgd", "obd", "read the second moment"),
        ("sgd", "salpha", "read the second moment"),
        ("adam", "salpha", None),
        ("muon", "none", None),
        ("muon", "magnitude", "moves weights that are pruned"),
        ("muon", "obd", "moves weights that are pruned"),
    ],
)
def test_impossible_pairs_have_a_reason(optimizer, method, why):
    reason = exclusion({"OPTIMIZER": optimizer, "PRUNING_METHOD": method})
    assert (reason is None) == (why is None)
    assert why is None or why in reason


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ({}, "adamw"),
        ({"PRUNING_METHOD": "magnitude", "TARGET_SPARSITY": "0.9"}, "adamw+magnitude@90%"),
        ({"OPTIMIZER": "adamwprune"}, "adamwprune"),
        (
            {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state", "TARGET_SPARSITY": "0.625"},
            "adamwprune+bitter1@62.5%",
        ),
        ({"EXTRA_ITERATIONS_PCT": 21}, "adamw+21%steps"),
        ({"PRUNING_METHOD": "magnitude", "EXTRA_BATCH_PCT": 14}, "adamw+magnitude@50%+14%batch"),
    ],
)
def test_labels(one_run, overrides, label):
    assert arm_label(one_run(**overrides)) == label


def test_a_spam_arm_says_its_preset():
    spam = {"OPTIMIZER": "adamwspam", "SPAM_PRESET": "paper", "ADAMWPRUNE_BASE": "adamwspam"}
    assert optimizer_label(spam) == "adamwspam-paper"
    assert optimizer_label(spam | {"OPTIMIZER": "adamwprune"}) == "adamwprune-adamwspam-paper"


@pytest.mark.parametrize(
    ("overrides", "target"),
    [
        ({}, 0.0),
        ({"PRUNING_METHOD": "magnitude", "TARGET_SPARSITY": "0.9"}, 0.9),
        ({"PRUNING_METHOD": "magnitude", "PRUNING_PATTERN": "2-4"}, 0.5),
        (
            {"PRUNING_METHOD": "magnitude", "PRUNING_PATTERN": "n-m", "PRUNING_N": "1"}
            | {"PRUNING_M": "8"},
            0.875,
        ),
    ],
)
def test_the_target_follows_from_the_pattern(one_run, overrides, target):
    assert target_sparsity(one_run(**overrides)) == target


def test_several_runs_are_no_run(configure):
    with pytest.raises(ValueError, match=r"OPTIMIZER has 2 members.*OPTIMIZER=adamw\."):
        settings_of(configure())


def test_several_seeds_are_no_run(one_run):
    with pytest.raises(ValueError, match="SEEDS=3"):
        one_run(SEEDS=3)


def test_a_sweep_is_no_run(one_run):
    with pytest.raises(ValueError, match="SWEEP"):
        one_run(SWEEP="LEARNING_RATE=1e-3,2e-3")


def test_an_extra_budget_of_a_matrix_is_no_run(one_run):
    with pytest.raises(ValueError, match="EXTRA_BUDGET=iterations asks for several runs"):
        one_run(EXTRA_BUDGET="iterations")


def test_an_empty_axis_is_an_error_that_names_its_members(tree):
    layer = override_layer([("OPTIMIZER", "adamw")])
    with pytest.raises(ValueError, match="PRUNING_METHOD is empty.*none, magnitude"):
        settings_of(tree.resolve([layer]))


def test_an_impossible_run_is_refused_with_the_rule(one_run):
    with pytest.raises(ValueError, match="makes no sense: AdamWPrune takes none or state"):
        one_run(OPTIMIZER="adamwprune", PRUNING_METHOD="magnitude")


def test_settings_of_a_frozen_run_are_those_of_its_configuration(configure):
    configuration = configure(OPTIMIZER="adamw", PRUNING_METHOD="none")
    assert run_settings(configuration.typed()) == settings_of(configuration)
