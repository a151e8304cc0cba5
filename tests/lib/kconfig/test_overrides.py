import pytest

from lib.kconfig import (
    ConfigError,
    Policy,
    load_tree,
    override_layer,
    overrides_from_arguments,
    overrides_from_environment,
)


def pairs(layer):
    assert layer.kind == "override"
    return [(found.name, found.value) for found in layer.assignments]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--max-iters", "200"], [("MAX_ITERS", "200")]),
        (["--max_iters=200"], [("MAX_ITERS", "200")]),
        (["--bias"], [("BIAS", "y")]),
        (["--bias", "n"], [("BIAS", "n")]),
        (["--no-bias"], [("BIAS", "n")]),
        (["--no-bias", "--seed", "-1"], [("BIAS", "n"), ("SEED", "-1")]),
        (["--note="], [("NOTE", "")]),
        (["--sweep", "A=1,2;B=3"], [("SWEEP", "A=1,2;B=3")]),
        (["--optimizer", "adamw"], [("OPTIMIZER", "adamw")]),
        ([], []),
    ],
)
def test_options(argv, expected):
    assert pairs(overrides_from_arguments(argv)) == expected


@pytest.mark.parametrize("argv", [["200"], ["--bias", "n", "x"], ["-b"], ["--"], ["--1x", "2"]])
def test_what_is_no_option_is_refused(argv):
    with pytest.raises(ConfigError, match="is no option"):
        overrides_from_arguments(argv)


def test_only_listed_variables_of_the_environment_count():
    environ = {"BITTERBENCH_OVERRIDES": "MAX_ITERS SEED"}
    environ |= {"BITTERBENCH_GIVEN_MAX_ITERS": "3", "BITTERBENCH_GIVEN_SEED": "4"}
    # What somebody exported, with the names of options.
    environ |= {"DEVICE": "cuda", "MODEL": "other", "SEED": "5"}
    assert pairs(overrides_from_environment(environ)) == [("MAX_ITERS", "3"), ("SEED", "4")]
    assert pairs(overrides_from_environment({"DEVICE": "cuda"})) == []
    twice = {"BITTERBENCH_OVERRIDES": "SEED SEED", "BITTERBENCH_GIVEN_SEED": "4"}
    assert pairs(overrides_from_environment(twice)) == [("SEED", "4")]


def test_a_name_that_no_shell_hands_on_is_an_error():
    with pytest.raises(ConfigError, match="max-iters is no name of an option"):
        overrides_from_environment({"BITTERBENCH_OVERRIDES": "max-iters", "max-iters": "3"})


@pytest.mark.parametrize(
    ("wish", "name", "value"),
    [
        ({"EPOCHS": "3"}, "NUM_EPOCHS", 3),
        ({"DEVICE": "CUDA"}, "DEVICE", "cuda"),
        ({"MODEL": "gpt2_medium"}, "MODEL", "gpt2-medium"),
        ({"DEVICE_CPU": "y"}, "DEVICE", "cpu"),
        ({"OPTIMIZER": "adamwprune,adamw"}, "OPTIMIZER", ("adamw", "adamwprune")),
        ({"OPTIMIZER_ADAMW": "y"}, "OPTIMIZER", ("adamw",)),
        ({"BIAS": "n"}, "BIAS", False),
        *(({"BIAS": word}, "BIAS", True) for word in ("True", "true", "yes", "YES", "1")),
        *(({"BIAS": word}, "BIAS", False) for word in ("False", "false", "no", "0")),
        ({"DEVICE_CPU": "True"}, "DEVICE", "cpu"),
        ({"NUM_ITERATIONS": "7"}, "MAX_ITERS", 7),
        ({"TRACKER": "both"}, "TRACKER_WANDB", True),
        ({"TRACKER": "wandb"}, "TRACKER_TRACKIO", False),
        ({"TRACKER": "none"}, "TRACKER_WANDB", False),
    ],
)
def test_overrides_resolve(derive, wish, name, value):
    assert derive(**wish).typed()[name] == value


def test_an_axis_is_set_to_exactly_its_members(tree, derive):
    base = derive(OPTIMIZER="adamw,adamwprune", PRUNING_METHOD="none,magnitude")
    varied = base.derive({"OPTIMIZER": "adamw", "PRUNING_METHOD": "magnitude"}, "run")
    assert varied.axes() == {"OPTIMIZER": ("adamw",), "PRUNING_METHOD": ("magnitude",)}
    assert varied.typed().one("OPTIMIZER") == "adamw"


@pytest.mark.parametrize(
    ("wish", "what"),
    [
        ({"NOSUCH": "1"}, "command line: there is no symbol NOSUCH"),
        ({"TIME": "5"}, "there is no symbol TIME"),
        ({"MAX_ITERS": "y"}, "MAX_ITERS=y is no whole decimal number"),
        ({"DEVICE": "tpu"}, "DEVICE=tpu is no value of this choice; choose from auto, cpu, cuda"),
        ({"DEVICE": "cpu,cuda"}, "is no value of this choice"),
        ({"OPTIMIZER": "adamw,sgd"}, "OPTIMIZER=sgd is no value of this axis"),
        ({"OPTIMIZER": ""}, "OPTIMIZER=(nothing) is no value"),
        ({"OPTIMIZER": "adamw,ADAMW"}, "names adamw more than once"),
        ({"OPTIMIZER": "adamw", "OPTIMIZER_ADAMW": "y"}, "command line says y"),
        ({"TRACKER": "tensorboard"}, "TRACKER=tensorboard names tensorboard; choose from trackio"),
        ({"PRUNING": "y"}, "cannot be set"),
        ({"EPOCHS": "1", "NUM_EPOCHS": "1"}, "command line says 1"),
        ({"LEARNING_RATE": "1,5"}, "is no number"),
    ],
)
def test_wrong_overrides_are_refused(derive, wish, what):
    with pytest.raises(ConfigError) as caught:
        derive(**wish)
    assert what in str(caught.value)


def test_aliases_need_their_target(tmp_path):
    (tmp_path / "Kconfig").write_text('config MAX_TIME\n\tint "t"\n\tdefault 0\n')
    tree = load_tree(tmp_path, Policy())
    assert tree.resolve([override_layer([("TIME", "5")])]).typed().MAX_TIME == 5
    for name in ("EPOCHS", "TRACKER"):
        with pytest.raises(ConfigError, match=f"no symbol {name}"):
            tree.resolve([override_layer([(name, "5")])])


def test_a_choice_with_on_and_off_takes_the_words_of_a_bool(tmp_path):
    choice = 'choice\n\tprompt "c"\n'
    for member in ("AUTO", "ON", "OFF"):
        choice += f'config FAST_{member}\n\tbool "{member}"\n'
    (tmp_path / "Kconfig").write_text(f"{choice}endchoice\n")
    tree = load_tree(tmp_path, Policy())
    words = {"True": "on", "y": "on", "1": "on", "False": "off", "n": "off", "no": "off"}
    for word, value in (words | {"auto": "auto", "off": "off"}).items():
        assert value == tree.resolve([override_layer([("FAST", word)])]).typed().FAST


def test_words_of_a_bool_in_a_file_are_refused(tree, layer):
    with pytest.raises(ConfigError, match="BIAS=True is neither y nor n"):
        tree.resolve([layer("CONFIG_BIAS=True")])


def test_an_alias_in_a_file_is_unknown(tree, layer):
    with pytest.raises(ConfigError, match="no symbol EPOCHS"):
        tree.resolve([layer("CONFIG_EPOCHS=3")])


def test_a_value_that_is_not_in_utf_8_is_a_sentence(tree):
    """Python hands on each byte of it that is none as a lone surrogate."""
    environ = {"BITTERBENCH_OVERRIDES": "RESULTS_DIR", "BITTERBENCH_GIVEN_RESULTS_DIR": "a\udcff"}
    with pytest.raises(ConfigError, match="is not in UTF-8"):
        tree.resolve([overrides_from_environment(environ)])


def test_an_axis_that_is_named_twice_is_one_sentence(tree):
    """It was one for each of its members, each with y and n."""
    twice = overrides_from_arguments(["--optimizer", "adamw", "--optimizer", "adamwprune"])
    with pytest.raises(ConfigError) as refused:
        tree.resolve([twice])
    (problem,) = refused.value.problems
    assert problem.what == "OPTIMIZER=adamwprune, but command line says adamw"
    assert "write OPTIMIZER=adamw,adamwprune" in problem.remedy
