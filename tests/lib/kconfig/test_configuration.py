import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.cli import ROOT
from lib.kconfig import ConfigError, Policy, load_tree, override_layer
from lib.kconfig.randomize import Randomness, random_configuration

FIXTURE = Path(__file__).parent / "fixture_tree"
WANDERER = load_tree(FIXTURE, Policy())

VALUES = {
    "MODEL": ["gpt2", "gpt2-medium", "custom"],
    "N_LAYER": ["1", "64", "65"],
    "MAX_ITERS": ["3", "10", "100", "0"],
    "NUM_EPOCHS": ["0", "2"],
    "WARMUP_STEPS": ["0", "7"],
    "OPTIMIZER": ["adamw", "adamwprune", "adamw,adamwprune"],
    "PRUNING_METHOD": ["none", "magnitude", "state", "none,state"],
    "VARIANT": ["bitter0", "bitter1"],
    "TARGET_SPARSITY": ["0.5", "0.9"],
    "DEVICE": ["auto", "cpu", "cuda"],
    "DEVICE_CPU": ["y", "n"],
    "TF32": ["y", "n"],
    "DTYPE": ["float32", "bfloat16"],
    "COMPILE": ["y", "n"],
    "FUSED": ["y", "n"],
    "FAST": ["y", "n"],
    "NATIVE": ["y", "n"],
    "LEARNING_RATE": ["1e-3", "0.001", "0"],
    "SEED": ["1", "2"],
}
changes = st.dictionaries(st.sampled_from(list(VALUES)), st.integers(0, 3), max_size=5).map(
    lambda drawn: {name: VALUES[name][n % len(VALUES[name])] for name, n in drawn.items()}
)


def outcome(make):
    try:
        found = make()
    except ConfigError as error:
        return str(error)
    facts = found.typed(), found.text([]), found.minimal_text(), found.dropped, found.overridden
    return *facts, [found.source_of(name) for name in found.tree.symbols]


@settings(max_examples=100, deadline=None)
@given(st.lists(changes, max_size=5), st.randoms(use_true_random=False))
def test_a_derived_configuration_equals_one_resolved_afresh(steps, generator):
    """The long-lived tree wanders from configuration to configuration; the other starts anew."""
    layers = []
    configuration = WANDERER.resolve([])
    for step in steps:
        layer = override_layer(list(step.items()), "step")
        derived = outcome(lambda base=configuration, wish=step: base.derive(wish, "step"))
        fresh = load_tree(FIXTURE, Policy())
        assert derived == outcome(lambda new=layer, tree=fresh: tree.resolve([*layers, new]))
        if not isinstance(derived, str) and generator.random() < 0.8:
            layers.append(layer)
            configuration = configuration.derive(step, "step")


def test_a_configuration_stays_what_it_is_when_the_tree_moves_on(tree, derive):
    first = derive(DEVICE="cuda", SEED="1", MODEL="custom", N_LAYER="3")
    before = outcome(lambda: first)
    first.derive({"DEVICE": "cpu", "SEED": "2", "MODEL": "gpt2"}, "other")
    tree.resolve([])
    assert outcome(lambda: first) == before


def test_deriving_is_as_strict_as_resolving(tree):
    base = tree.resolve([])
    for wish in ({"NOSUCH": "1"}, {"MAX_ITERS": "0"}, {"TF32": "y"}, {"OPTIMIZER": "sgd"}):
        with pytest.raises(ConfigError, match="member 3"):
            base.derive(wish, "member 3")


def test_types_of_values(derive):
    config = derive(OPTIMIZER="adamw", MODEL="custom").typed()
    assert config.MAX_ITERS == 10
    assert type(config.MAX_ITERS) is int
    assert config.BIAS is True
    assert config.COMPILE is False
    assert config.LEARNING_RATE == 6e-4
    assert type(config.DROPOUT) is float
    assert config.ADDRESS == 31
    assert config.OFFSET == -3
    assert config.MATRIX_NAME == "matrix"
    assert config.MODEL == "custom"
    assert config.OPTIMIZER == ("adamw",)
    assert config.MODEL_CUSTOM is True
    assert config.TF32 is None
    assert config.VARIANT is None
    assert config.PRUNING is None
    assert config.PRUNING_METHOD == ()


def test_every_symbol_and_group_is_there(tree):
    assert list(tree.resolve([]).typed()) == [*tree.symbols, *tree.groups]


def test_axes_are_the_visible_ones_with_their_enabled_members(derive):
    found = derive(OPTIMIZER="adamwprune,adamw", PRUNING_METHOD="state").axes()
    assert found == {
        "OPTIMIZER": ("adamw", "adamwprune"),
        "PRUNING_METHOD": ("state",),
        "VARIANT": (),
    }
    assert list(found) == ["OPTIMIZER", "PRUNING_METHOD", "VARIANT"]
    assert derive().axes() == {"OPTIMIZER": (), "PRUNING_METHOD": ()}


def test_sweep(derive):
    swept = derive(SWEEP="LEARNING_RATE=3e-4,6e-4;MODEL=gpt2,custom")
    expected = {"LEARNING_RATE": ("3e-4", "6e-4"), "MODEL": ("gpt2", "custom")}
    assert swept.sweep() == expected
    assert derive().sweep() == {}


def test_sources(tree, layer):
    file = layer("CONFIG_SEED=3", "CONFIG_COMPILE=y", "CONFIG_DEVICE_CPU=y", "CONFIG_FAST=y")
    wishes = [("MAX_ITERS", "20"), ("OPTIMIZER", "adamw")]
    configuration = tree.resolve([file, override_layer(wishes)])
    assert configuration.source_of("SEED") == "request:1"
    assert configuration.source_of("MAX_ITERS") == "command line"
    assert configuration.source_of("FUSED") == "selected by COMPILE"
    assert configuration.source_of("NATIVE") == "implied by FAST"
    assert configuration.source_of("BIAS") == "default"
    assert configuration.source_of("DEVICE") == "request:3"
    assert configuration.source_of("MODEL") == "default"
    assert configuration.source_of("OPTIMIZER") == "command line"
    with pytest.raises(KeyError):
        configuration.source_of("NOSUCH")


def test_a_value_that_was_lost_has_another_source(tree, layer):
    file = layer("CONFIG_DEVICE_CUDA=y", "CONFIG_DTYPE_BFLOAT16=y", "CONFIG_MEMORY_GIB=3")
    configuration = tree.resolve([file, override_layer([("DEVICE", "cpu")])])
    assert configuration.source_of("DTYPE") == "default"
    assert configuration.source_of("MEMORY_GIB") == "default"


def test_a_value_given_twice_comes_from_where_it_was_given_last(tree, layer):
    layers = [layer("CONFIG_SEED=3", name="a"), layer("CONFIG_SEED=3", name="b")]
    configuration = tree.resolve(layers)
    assert configuration.source_of("SEED") == "b:1"
    assert configuration.overridden == ()


# The hash


def test_numbers_are_hashed_not_their_spelling(derive):
    assert derive(DROPOUT="0.10").typed().hash == derive(DROPOUT="1e-1").typed().hash
    assert derive(DROPOUT="0.10").typed().hash != derive(DROPOUT="0.2").typed().hash


@pytest.mark.parametrize(
    "wish",
    [
        {"LOG_INTERVAL": "3"},
        {"MATRIX_NAME": "other"},
        {"RESULTS_DIR": "elsewhere"},
        {"TRACKER_WANDB": "y"},
    ],
)
def test_what_cannot_change_a_result_stays_out(derive, wish):
    assert derive(**wish).typed().hash == derive().typed().hash
    assert not set(wish) & set(derive(**wish).typed().relevant())


def test_what_can_change_a_result_is_in(derive):
    wishes = [{}, {"SEED": "1"}, {"MODEL": "custom"}, {"DEVICE": "cpu"}, {"OPTIMIZER": "adamw"}]
    hashes = {derive(**wish).typed().hash for wish in wishes}
    assert len(hashes) == len(wishes)


def test_what_is_hashed(derive):
    relevant = derive(OPTIMIZER="adamw", MODEL="gpt2-medium").typed().relevant()
    assert relevant["OPTIMIZER"] == ["adamw"]
    assert relevant["MODEL"] == "gpt2-medium"
    # Hidden by `prompt if`, but with a value that matters.
    assert relevant["N_LAYER"] == 24
    pruned = derive(PRUNING_METHOD="magnitude").typed()
    assert pruned.PRUNING is True
    assert "PRUNING" not in pruned.relevant()
    for absent in ("OPTIMIZER_ADAMW", "MODEL_GPT2", "TF32", "VARIANT", "PRUNING", "LOG_INTERVAL"):
        assert absent not in relevant


def test_a_new_member_of_an_axis_changes_no_hash(root, derive):
    before = derive(OPTIMIZER="adamw", PRUNING_METHOD="magnitude").typed()
    path = root / "lib" / "Kconfig.arms"
    new = 'config OPTIMIZER_SGD\n\tbool "SGD"\n\thelp\n\t  Axis: OPTIMIZER\n\nmenu "Arms"\n'
    path.write_text(path.read_text().replace('menu "Arms"\n', new, 1))
    grown = load_tree(root, Policy())
    wishes = [("OPTIMIZER", "adamw"), ("PRUNING_METHOD", "magnitude")]
    after = grown.resolve([override_layer(wishes)]).typed()
    assert "OPTIMIZER_SGD" in after
    assert after.hash == before.hash


def test_a_new_option_without_effect_on_results_changes_no_hash(root, derive):
    with open(root / "Kconfig", "a") as file:
        file.write('config PORT\n\tint "Port"\n\tdefault 1\n\thelp\n\t  Results: unaffected\n')
    assert load_tree(root, Policy()).resolve([]).typed().hash == derive().typed().hash


def test_the_same_configuration_from_file_and_from_command_line_has_one_hash(tree, layer, derive):
    lines = ["CONFIG_OPTIMIZER_ADAMW=y", "CONFIG_SEED=5", 'CONFIG_LEARNING_RATE="6e-04"']
    file = tree.resolve([layer(*lines)]).typed()
    assert file.hash == derive(OPTIMIZER="adamw", SEED="5").typed().hash


# Cost


def test_a_variation_touches_only_what_differs(tree, monkeypatch):
    base = random_configuration(tree, Randomness(1)).derive({"SEED": "0"}, "x")
    kind = type(tree.symbols["SEED"].raw)
    calls = []
    original = kind.set_value
    monkeypatch.setattr(
        kind, "set_value", lambda raw, value: calls.append(raw.name) or original(raw, value)
    )
    for seed in range(1, 11):
        base.derive({"SEED": str(seed)}, "run").typed()
    assert calls == ["SEED"] * 10


@pytest.mark.slow
def test_a_thousand_variations_take_seconds_not_minutes(tree):
    """Measured 0.3 s on one core; the wanted bound of 2 s is widened for a busy machine."""
    base = random_configuration(tree, Randomness(1)).derive({"SWEEP": "", "NUM_EPOCHS": "0"}, "x")
    start = time.perf_counter()
    hashes = set()
    for number in range(1000):
        optimizer = ("adamw", "adamwprune")[number % 2]
        wish = {"SEED": str(number), "OPTIMIZER": optimizer, "PRUNING_METHOD": "magnitude"}
        hashes.add(base.derive(wish, "run").typed().hash)
    assert len(hashes) == 1000
    assert time.perf_counter() - start < 2 * 5


def test_a_home_folder_is_the_same_path_written_in_full(monkeypatch):
    """Every option of the real tree that is a path, where it can be set; and its hash."""
    monkeypatch.setenv("HOME", "/home/me")
    tree = load_tree(ROOT)
    paths = [
        s.name for s in tree.symbols.values() if s.string_type and s.string_type.base == "path"
    ]
    assert {"RESULTS_DIR", "DATA_DIR", "DATA_MIRROR", "CUSTOM_PATH", "INIT_FROM"} <= set(paths)

    def resolved(folder):
        values = {name: f"{folder}/{name}" for name in paths}
        wishes = [("DATASET", "custom"), ("HELLASWAG_INTERVAL", "1"), *values.items()]
        return tree.resolve([override_layer(wishes)])

    short, long = resolved("~"), resolved("/home/me")
    assert {name: short.typed()[name] for name in paths} == {n: f"/home/me/{n}" for n in paths}
    assert short.typed().hash == long.typed().hash
    # What a person wrote stays in the file.
    assert 'CONFIG_DATA_DIR="~/DATA_DIR"\n' in short.text([])
    with pytest.raises(ConfigError, match="DATA_DIR=~no-body/x names no home folder"):
        tree.resolve([override_layer([("DATA_DIR", "~no-body/x")])])
