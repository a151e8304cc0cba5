"""Each silent default of kconfiglib is an error here, and layers resolve in order."""

import pytest

from lib.kconfig import ConfigError, Layer, Policy, load_tree, override_layer
from lib.kconfig.scan import scan_text


def refusal(tree, *layers) -> str:
    with pytest.raises(ConfigError) as caught:
        tree.resolve(layers)
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "place", "parts"),
    [
        (["CONFIG_NOSUCH=y"], 1, ["there is no symbol NOSUCH"]),
        (["CONFIG_MAX_ITER=3"], 1, ["MAX_ITER", "did you mean MAX_ITERS"]),
        (["CONFIG_GPT2_MAX_ITERS=3"], 1, ["GPT2_MAX_ITERS is now MAX_ITERS"]),
        (["CONFIG_TF32=y"], 1, ["TF32=y wants DEVICE_CUDA (=n)", "lib/Kconfig.device:18"]),
        (["", "CONFIG_TF32=y"], 2, ["dropped"]),
        (
            ["CONFIG_MEMORY_GIB=8"],
            1,
            ["wants DEVICE_CUDA || EXPERT (DEVICE_CUDA=n, EXPERT=n)", "dropped"],
        ),
        (["CONFIG_N_LAYER=3"], 1, ["wants MODEL_CUSTOM (=n)", "it becomes 12"]),
        (["CONFIG_DEVICE_CPU=y", "CONFIG_DEVICE_CUDA=y"], 2, ["DEVICE_CPU=y at request:1"]),
        (["CONFIG_PRUNING=y"], 1, ["cannot be set", "lib/Kconfig.arms:49"]),
        (
            ["CONFIG_DEVICE_AUTO=n", "CONFIG_DEVICE_CPU=n", "CONFIG_DEVICE_CUDA=n"],
            3,
            ["leaves the choice DEVICE", "without a member", "DEVICE_AUTO becomes y"],
        ),
        (["# CONFIG_DEVICE_AUTO is not set"], 1, ["without a member"]),
        (["CONFIG_BIAS = y"], 1, ["write `CONFIG_BIAS=y`"]),
        (["CONFIG_LEARNING_RATE=0.1"], 1, ["lacks its quotes", 'CONFIG_LEARNING_RATE="0.1"']),
        (["CONFIG_MAX_ITERS=0"], 1, ["MAX_ITERS=0 is outside 1 to 100", "it becomes 10"]),
        (["CONFIG_WARMUP_STEPS=11"], 1, ["is outside 0 to 10", "it becomes 5"]),
        (["CONFIG_MAX_ITERS=0x20"], 1, ["is no whole decimal number"]),
        (["CONFIG_MAX_ITERS=1_0"], 1, ["is no whole decimal number"]),
        (["CONFIG_MAX_ITERS="], 1, ["is no whole decimal number"]),
        (["# CONFIG_MAX_ITERS is not set"], 1, ["MAX_ITERS=n is no whole decimal number"]),
        (["CONFIG_ADDRESS=12"], 1, ["is no hexadecimal number"]),
        (["CONFIG_BIAS=m"], 1, ["is m, but there are no modules"]),
        (["CONFIG_BIAS=yes"], 1, ["is neither y nor n"]),
        (['CONFIG_BIAS="y"'], 1, ["is in quotes", "write CONFIG_BIAS=y"]),
        (['CONFIG_MAX_ITERS="5"'], 1, ["is in quotes", "write CONFIG_MAX_ITERS=5"]),
        (["CONFIG_MAX_ITERS=010"], 1, ["has leading zeros", "write 10"]),
        (["CONFIG_SEED=1", "CONFIG_SEED=1"], 2, ["request:1 says 1"]),
        (["CONFIG_SEED=1", "CONFIG_SEED=2"], 2, ["request:1 says 1"]),
        (["CONFIG_BIAS=y", "# CONFIG_BIAS is not set"], 2, ["request:1 says y"]),
        (["junk"], 1, ["is no assignment"]),
        ([" CONFIG_SEED=1"], 1, ["is no assignment"]),
        (["\ufeffCONFIG_SEED=1"], 1, ["byte-order mark"]),
        (['CONFIG_LEARNING_RATE="abc"'], 1, ["LEARNING_RATE=abc is no number"]),
        (['CONFIG_LEARNING_RATE="0"'], 1, ["out of range", "float in (0, 10]"]),
        (['CONFIG_MATRIX_NAME=""'], 1, ["is empty"]),
        (['CONFIG_SWEEP="NOSUCH=1,2"'], 1, ["names NOSUCH, which is no option"]),
        (['CONFIG_DEVICE="cpu"'], 1, ["DEVICE is no symbol but the choice", "CONFIG_DEVICE_CPU=y"]),
        (
            ["CONFIG_COMPILE=y", "# CONFIG_FUSED is not set"],
            2,
            ["FUSED=n, but COMPILE selects it", "it becomes y"],
        ),
        (["CONFIG_PRUNING_METHOD_STATE=y"], 1, ["wants OPTIMIZER_ADAMWPRUNE (=n)"]),
        (["CONFIG_DTYPE_BFLOAT16=y"], 1, ["wants DEVICE_CUDA (=n)"]),
    ],
)
def test_what_kconfiglib_would_drop_is_an_error(tree, layer, lines, place, parts):
    message = refusal(tree, layer(*lines))
    assert len(message.splitlines()) == 1
    assert message.startswith(f"request:{place}: ")
    for part in parts:
        assert part in message


def test_all_problems_of_all_layers_are_told_at_once(tree, layer):
    one = layer("CONFIG_NOSUCH=y", "CONFIG_MAX_ITERS=0", name="one")
    two = layer("junk", "CONFIG_TF32=y", name="two")
    places = [line.split(": ")[0] for line in refusal(tree, one, two).splitlines()]
    assert places == ["one:1", "one:2", "two:1", "two:2"]


def test_a_newline_in_a_string_from_the_command_line_is_refused(tree):
    layer = override_layer([("MATRIX_NAME", "a\nCONFIG_BIAS=n")])
    assert "control character" in refusal(tree, layer)


def test_a_default_that_other_values_push_out_of_range_is_an_error(tree, layer):
    message = refusal(tree, layer("CONFIG_MAX_ITERS=3"))
    assert message.startswith("Kconfig:")
    assert "the default 5 of WARMUP_STEPS is outside 0 to 3; it becomes 3" in message
    fixed = tree.resolve([layer("CONFIG_MAX_ITERS=3", "CONFIG_WARMUP_STEPS=0")])
    assert fixed.typed().WARMUP_STEPS == 0


def test_a_lazy_warning_is_found_in_every_configuration_not_only_the_first(tree, layer):
    for _ in range(3):
        assert "WARMUP_STEPS" in refusal(tree, layer("CONFIG_MAX_ITERS=3"))
        assert "MAX_ITERS=0 is outside" in refusal(tree, layer("CONFIG_MAX_ITERS=0"))


def test_a_hidden_default_is_checked_though_a_config_repeats_it(tmp_path, layer):
    text = (
        'config A\n\tint "a"\n\tdefault 9\n'
        'config X\n\tbool "x"\n'
        'config B\n\tint "b" if X\n\trange 0 A\n\tdefault 5\n'
    )
    (tmp_path / "Kconfig").write_text(text)
    tree = load_tree(tmp_path, Policy())
    lines = ["CONFIG_A=3", "CONFIG_B=3"]
    assert "the default 5 of B is outside 0 to 3" in refusal(tree, layer(*lines, kind="state"))


def test_a_select_against_a_dependency_is_an_error(tmp_path):
    text = (
        'config A\n\tbool "a"\n\tselect B\nconfig C\n\tbool "c"\n'
        'config B\n\tbool "b"\n\tdepends on C\n'
    )
    (tmp_path / "Kconfig").write_text(text)
    tree = load_tree(tmp_path, Policy())
    for _ in range(2):
        message = refusal(tree, override_layer([("A", "y")]))
        assert message.startswith("Kconfig:6: A selects B, which wants C (=n)")
    assert tree.resolve([override_layer([("A", "y"), ("C", "y")])]).typed().B is True


def test_a_default_of_another_symbol_is_checked_by_type(tmp_path):
    text = (
        'config A\n\tstring "a"\n\tdefault "5"\n\thelp\n\t  Type: float in [0, 9]\n'
        'config B\n\tstring "b"\n\tdefault A\n\thelp\n\t  Type: float in [0, 1]\n'
    )
    (tmp_path / "Kconfig").write_text(text)
    tree = load_tree(tmp_path, Policy())
    assert refusal(tree).startswith('Kconfig:6: the default "5" of B is out of range')


# Layers


def test_later_layers_win_and_the_override_is_told(tree, layer):
    low, high = layer("CONFIG_SEED=1", name="low"), layer("CONFIG_SEED=2", name="high")
    configuration = tree.resolve([low, high, override_layer([("SEED", "3")])])
    assert configuration.typed().SEED == 3
    told = [(earlier.place, later.place) for earlier, later in configuration.overridden]
    assert told == [("low:1", "high:1"), ("high:1", "command line")]


def test_a_fragment_may_override_a_choice(tree, layer):
    low, high = layer("CONFIG_DEVICE_CPU=y", name="low"), layer("CONFIG_DEVICE_CUDA=y", name="high")
    configuration = tree.resolve([low, high])
    assert configuration.typed().DEVICE == "cuda"
    assert [(a.name, b.name) for a, b in configuration.overridden] == [
        ("DEVICE_CPU", "DEVICE_CUDA")
    ]
    assert configuration.dropped == ()


def test_a_fragment_may_not_leave_a_choice_empty(tree, layer):
    low, high = layer("CONFIG_DEVICE_CPU=y", name="low"), layer("CONFIG_DEVICE_CPU=n", name="high")
    # The default member takes its place, as the request allows.
    assert tree.resolve([low, high]).typed().DEVICE == "auto"
    low = tree.resolve([]).text([])
    message = refusal(tree, scan_text(low, ".config", "state"), layer("CONFIG_DEVICE_AUTO=n"))
    assert message.startswith("request:1: DEVICE_AUTO=n leaves the choice DEVICE")


def test_what_a_later_fragment_makes_possible_is_no_error(tree, layer):
    low, high = layer("CONFIG_TF32=n", "CONFIG_MEMORY_GIB=4"), layer("CONFIG_EXPERT=y", name="x")
    assert tree.resolve([low, high]).typed().MEMORY_GIB == 4


def test_a_wish_of_a_defconfig_that_a_fragment_hides_is_an_error(tree, layer):
    low = layer("CONFIG_DEVICE_CUDA=y", "CONFIG_MEMORY_GIB=8", name="low")
    message = refusal(tree, low, layer("CONFIG_DEVICE_CPU=y", name="cpu"))
    assert message.startswith("low:2: MEMORY_GIB=8 wants DEVICE_CUDA || EXPERT")


@pytest.mark.parametrize(("kind", "lines"), [("state", [2]), ("request", [2, 3])])
def test_an_override_may_hide_what_a_file_asked_for(tree, layer, kind, lines):
    # TF32=y is the default: in a whole `.config` nobody asked for it.
    low = layer("CONFIG_DEVICE_CUDA=y", "CONFIG_MEMORY_GIB=8", "CONFIG_TF32=y", kind=kind)
    configuration = tree.resolve([low, override_layer([("DEVICE", "cpu")])])
    assert configuration.typed().MEMORY_GIB is None
    assert [problem.line for problem in configuration.dropped] == lines


def test_a_fragment_may_hide_what_a_whole_config_holds(tree, layer):
    low = layer("CONFIG_DEVICE_CUDA=y", "CONFIG_DTYPE_BFLOAT16=y", kind="state")
    configuration = tree.resolve([low, layer("CONFIG_DEVICE_CPU=y", name="cpu")])
    assert configuration.typed().DTYPE == "float32"
    assert "DTYPE_BFLOAT16=y wants DEVICE_CUDA" in str(configuration.dropped[0])


def test_a_select_may_overrule_what_a_file_holds(tree, layer):
    low = layer("# CONFIG_FUSED is not set")
    configuration = tree.resolve([low, override_layer([("COMPILE", "y")])])
    assert configuration.typed().FUSED is True
    assert "FUSED=n, but COMPILE selects it" in str(configuration.dropped[0])
    # In a whole `.config` that line is a default, which moves without a word.
    low = layer("# CONFIG_FUSED is not set", kind="state")
    configuration = tree.resolve([low, override_layer([("COMPILE", "y")])])
    assert (configuration.typed().FUSED, configuration.dropped) == (True, ())


@pytest.mark.parametrize("kind", ["state", "request"])
def test_an_override_may_not_push_another_value_out_of_range(tree, layer, kind):
    low = layer("CONFIG_WARMUP_STEPS=8", kind=kind)
    message = refusal(tree, low, override_layer([("MAX_ITERS", "6")]))
    assert message.startswith("request:1: WARMUP_STEPS=8 is outside 0 to 6")


def test_what_was_never_possible_is_an_error_even_below_an_override(tree, layer):
    low = layer("CONFIG_MEMORY_GIB=8", kind="state")
    assert "MEMORY_GIB=8 wants" in refusal(tree, low, override_layer([("SEED", "3")]))


# Numbers


@pytest.fixture
def fixed(tmp_path):
    """A tree in which a preset fixes numbers."""
    (tmp_path / "Kconfig").write_text(
        'config FREE\n\tbool "free"\n'
        'config THETA\n\tstring "theta" if FREE\n\tdefault "50"\n'
        "\thelp\n\t  Type: float in (0, inf)\n"
        'config AT\n\thex "at" if FREE\n\tdefault 0x1f\n'
        'config NAME\n\tstring "name" if FREE\n\tdefault "50"\n\thelp\n\t  Type: name\n'
    )
    return load_tree(tmp_path, Policy())


@pytest.mark.parametrize("kind", ["state", "request"])
def test_a_hidden_number_may_be_written_otherwise(fixed, layer, kind):
    lines = ['CONFIG_THETA="5.0e+1"', "CONFIG_AT=0X1F"]
    configuration = fixed.resolve([layer(*lines, kind=kind)])
    assert configuration.problems == configuration.dropped == ()
    assert (configuration.typed().THETA, configuration.typed().AT) == (50.0, 31)
    assert fixed.resolve([override_layer([("THETA", "50.0")])]).typed().THETA == 50.0


@pytest.mark.parametrize("line", ['CONFIG_THETA="51"', "CONFIG_AT=0x20", 'CONFIG_NAME="50.0"'])
def test_another_value_than_the_hidden_one_is_refused(fixed, layer, line):
    assert "wants FREE (=n)" in refusal(fixed, layer(line))


def test_the_same_number_overrides_nothing(tree, layer):
    low, high = layer('CONFIG_LEARNING_RATE="1e-3"'), override_layer([("LEARNING_RATE", "0.001")])
    assert tree.resolve([low, high]).overridden == ()
    assert len(tree.resolve([low, override_layer([("LEARNING_RATE", "0.002")])]).overridden) == 1


# A whole `.config`


def test_a_config_of_our_own_resolves_to_itself(tree, derive):
    configuration = derive(DEVICE="cuda", MODEL="gpt2-medium", OPTIMIZER="adamw")
    again = tree.resolve([scan_text(configuration.text([]), ".config", "state")])
    assert again.text([]) == configuration.text([])
    assert again.typed() == configuration.typed()
    assert again.dropped == again.problems == ()


def test_stale_derived_lines_of_a_config_are_renewed_silently(tree, layer):
    lines = ["CONFIG_PRUNING=y", "CONFIG_MODEL_GPT2_MEDIUM=y", "CONFIG_N_LAYER=12"]
    configuration = tree.resolve([layer(*lines, kind="state")])
    assert configuration.typed().PRUNING is None
    assert configuration.typed().N_LAYER == 24
    assert configuration.dropped == configuration.problems == ()


def test_a_hidden_member_of_a_choice_is_one_problem_not_two(tree, layer):
    lines = ["# CONFIG_DTYPE_FLOAT32 is not set", "CONFIG_DTYPE_BFLOAT16=y"]
    message = refusal(tree, layer(*lines, kind="state"))
    assert message.startswith("request:2: DTYPE_BFLOAT16=y wants DEVICE_CUDA (=n)")
    assert len(message.splitlines()) == 1


def test_symbols_that_a_config_lacks_take_their_defaults(tree, layer):
    configuration = tree.resolve([layer("CONFIG_SEED=3", kind="state")])
    new = configuration.missing_from({"SEED"})
    assert "MAX_ITERS" in new
    assert "SEED" not in new
    assert "PRUNING" not in new
    assert "TF32" not in new


# KCONFIG_WERROR=0 and KCONFIG_WARN_UNKNOWN_SYMBOLS=0


def test_warnings_instead_of_errors(lax_tree, layer):
    lines = ["CONFIG_NOSUCH=y", "CONFIG_MAX_ITERS=0", "CONFIG_SEED=3", "CONFIG_BIAS=maybe"]
    lines += ["CONFIG_DEVICE_CPU=y", "CONFIG_DEVICE_CUDA=y", "CONFIG_SEED=4"]
    configuration = lax_tree.resolve([layer(*lines)])
    assert [problem.line for problem in configuration.problems] == [1, 2, 4, 6, 7]
    config = configuration.typed()
    assert (config.MAX_ITERS, config.SEED, config.BIAS, config.DEVICE) == (10, 4, True, "cuda")
    varied = configuration.derive({"SEED": "9"}, "x")
    assert set(configuration.problems) <= set(varied.problems)


def test_unknown_symbols_can_be_ignored(root, layer):
    tree = load_tree(root, Policy(warns_unknown=False))
    assert tree.resolve([layer("CONFIG_NOSUCH=y")]).problems == ()


def test_no_layers_are_the_defaults(tree):
    assert tree.resolve([]).typed() == tree.resolve([Layer("x", "request", ())]).typed()
