import re

import pytest

from lib.kconfig.hints import unknown_name
from lib.kconfig.renames import RENAMED, successor

KNOWN = {"MAX_ITERS", "BETA1", "OPTIMIZER_ADAMW", "PRUNING_METHOD_STATE", "TARGET_SPARSITY"}
KNOWN |= {"PRUNING_METHOD_RANDOM", "ADAMWPRUNE_BASE_ADAMWADV"}
KNOWN |= {"ADAMWPRUNE_VARIANT_BITTER1", "WEIGHT_DECAY"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("GPT2_MAX_ITERS", "MAX_ITERS"),
        ("ADAMW_BETA1", "BETA1"),
        ("ADAMWPRUNE_BETA1", "BETA1"),
        ("OPTIMIZER_ENABLE_ADAMW", "OPTIMIZER_ADAMW"),
        ("OPTIMIZER_SELECT_ADAMW", "OPTIMIZER_ADAMW"),
        ("PRUNING_ENABLE_STATE", "PRUNING_METHOD_STATE"),
        ("PRUNING_ENABLE_RANDOM", "PRUNING_METHOD_RANDOM"),
        ("ADAMWPRUNE_AMSGRAD", "ADAMWPRUNE_BASE_ADAMWADV"),
        ("GPT2_ADAMWPRUNE_VARIANT_BITTER1", "ADAMWPRUNE_VARIANT_BITTER1"),
        ("SPARSITY_ENABLE_90", "TARGET_SPARSITY"),
        ("GPT2_WEIGHT_DECAY", "WEIGHT_DECAY"),
    ],
)
def test_successors(old, new):
    assert successor(old, KNOWN) == (True, new)


@pytest.mark.parametrize(
    "old", ["PRUNING_ENABLE_MOMENTUM", "MOMENTUM_PRUNING_ALPHA", "GPT2_USE_DDP"]
)
def test_old_names_without_a_successor(old):
    assert successor(old, KNOWN) == (True, None)


def test_a_successor_that_the_tree_lacks_is_not_suggested():
    assert successor("GPT2_BLOCK_SIZE", KNOWN) == (True, None)
    assert successor("OPTIMIZER_ENABLE_SGD", KNOWN) == (True, None)


def test_other_names_are_not_old():
    assert successor("NOSUCH", KNOWN) == (False, None)
    assert successor("ADAMW_NOSUCH", KNOWN) == (False, None)


def test_the_table_is_well_formed():
    for old, new in RENAMED.items():
        assert re.fullmatch("[A-Z][A-Z0-9_]*", old)
        assert new is None or re.fullmatch("[A-Z][A-Z0-9_]*", new)
        assert new not in RENAMED, f"{old} leads to {new}, which is old itself"


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("GPT2_MAX_ITERS", "GPT2_MAX_ITERS is now MAX_ITERS", "write MAX_ITERS"),
        ("GPT2_DATASET", "is not supported here", "remove it"),
        ("TEST_MODELS", "is now MODEL", "one of MODEL_GPT2, MODEL_GPT2_MEDIUM, MODEL_CUSTOM"),
        ("LERNING_RATE", "there is no symbol", "did you mean LEARNING_RATE"),
        ("max_iter", "there is no symbol", "did you mean MAX_ITERS"),
        ("QQQQ", "there is no symbol", "menuconfig"),
        ("NUM_ITERATIONS", "NUM_ITERATIONS is now MAX_ITERS", "write MAX_ITERS"),
        ("RUN_NAME", "is not supported here", "remove it"),
        ("USE_FSDP", "with several processes is not built yet; one process trains", "remove it"),
    ],
)
def test_hints(tree, name, what, remedy):
    told = unknown_name(tree, name)
    assert what in told[0]
    assert remedy in told[1]


def test_a_group_that_is_near_is_told_once(tree):
    _, remedy = unknown_name(tree, "OPTIMIZER_A")
    assert remedy == "did you mean one of OPTIMIZER_ADAMW, OPTIMIZER_ADAMWPRUNE"
