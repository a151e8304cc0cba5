"""What Kconfig offers and what the code can do are the same."""

import pytest

from gpt2.datasets import CORPORA
from lib.optimizers import OPTIMIZERS
from lib.pruning import DISTRIBUTIONS, METHODS, SCHEDULES, SCOPES, SCORES


@pytest.mark.parametrize(
    ("group", "registry"),
    [
        ("OPTIMIZER", OPTIMIZERS),
        ("PRUNING_METHOD", METHODS),
        ("PRUNING_SCHEDULE", SCHEDULES),
        ("PRUNING_DISTRIBUTION", DISTRIBUTIONS),
        ("PRUNING_SCOPE", SCOPES),
        ("DATASET", CORPORA),
    ],
)
def test_every_member_is_registered_and_the_other_way_round(tree, group, registry):
    assert set(tree.groups[group].values) == set(registry)


def test_every_variant_is_a_score(tree):
    assert set(tree.groups["ADAMWPRUNE_VARIANT"].values) <= set(SCORES)


def test_every_setting_of_an_optimizer_is_an_option(tree):
    known = set(tree.symbols) | set(tree.groups)
    for name, entry in OPTIMIZERS.items():
        assert set(entry.settings) <= known, name


def test_every_base_is_an_optimizer_without_a_base(tree):
    for entry in OPTIMIZERS.values():
        if entry.base_symbol is not None:
            for base in tree.groups[entry.base_symbol].values:
                assert OPTIMIZERS[base].base_symbol is None
