import pytest

from lib.kconfig import ConfigError
from lib.kconfig.explain import explain


def lines(configuration, name):
    return [line.strip() for line in explain(configuration, name).splitlines()]


def test_a_symbol(tree, layer):
    told = lines(tree.resolve([layer("CONFIG_WARMUP_STEPS=4")]), "WARMUP_STEPS")
    assert told == [
        "WARMUP_STEPS: Warm-up",
        "type:    int",
        "value:   4",
        "source:  request:1",
        "range:   0 to MAX_ITERS",
        "default: 5",
        "depends: NUM_EPOCHS = 0",
        "results: may change them",
        "defined: Kconfig:55",
    ]


def test_a_hidden_symbol_names_the_clause(derive):
    told = lines(derive(), "memory-gib")
    assert "value:   none (hidden)" in told
    assert "hidden:  wants DEVICE_CUDA || EXPERT (DEVICE_CUDA=n, EXPERT=n)" in told


def test_a_value_that_cannot_be_asked_for_now(derive):
    told = lines(derive(), "CONFIG_N_LAYER")
    for line in ("value:   12", "asked:   if MODEL_CUSTOM", "hidden:  wants MODEL_CUSTOM (=n)"):
        assert line in told
    assert "default: 24 if MODEL_GPT2_MEDIUM" in told


def test_help_type_and_group(derive):
    told = lines(derive(), "DROPOUT")
    assert "type:    float in [0, 1)" in told
    assert 'value:   "0.0"' in told
    assert "Share of what is dropped." in told
    assert "group:   DEVICE (choice)" in lines(derive(), "DEVICE_CPU")
    assert "results: unaffected" in lines(derive(), "LOG_INTERVAL")
    assert lines(derive(), "PRUNING")[0] == "PRUNING: derived from other symbols, cannot be set"


def test_groups(derive):
    told = lines(derive(DEVICE="cpu"), "DEVICE")
    for line in ("value:   cpu", "source:  command line", "* DEVICE_CPU: processor"):
        assert line in told
    assert "value:   none" in lines(derive(), "OPTIMIZER")
    assert "value:   none (hidden)" in lines(derive(), "VARIANT")
    assert "value:   adamw, adamwprune" in lines(derive(OPTIMIZER="adamw,adamwprune"), "OPTIMIZER")


def test_an_unknown_name_lists_near_ones(derive):
    with pytest.raises(ConfigError, match="did you mean LEARNING_RATE"):
        explain(derive(), "LEARNING")


def test_it_explains_its_own_configuration_not_the_latest(derive):
    mine = derive(DEVICE="cuda", EXPERT="y", MODEL="gpt2")
    other = derive(DEVICE="cpu")
    assert "wants DEVICE_CUDA (=n)" in explain(other, "TF32")
    assert "hidden" not in explain(mine, "TF32")
    assert "wants DEVICE_CUDA (=n)" in explain(other, "TF32")
