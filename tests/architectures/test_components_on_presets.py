"""A component that is asked for on a preset means custom, beginning as that preset."""

import pytest

from lib.arms import COMPONENTS
from lib.cli import ROOT
from lib.kconfig import ConfigError, override_layer, read_layer
from lib.kconfig.freed import PRESETS
from lib.kconfig.scan import scan_text
from scripts.matrix.expand import expand
from scripts.matrix.plan import plan
from scripts.matrix.show import plan_text

NAMES = ("gpt2", "llama", "team", "hybrid")
BASES = {"gpt2": "gpt2", "llama": "llama", "team": "llama", "hybrid": "hybrid"}
NUMBERS = {"FFN_HIDDEN": "256", "N_KV_HEAD": "2"}


def resolve(tree, *layers):
    return tree.resolve([override_layer(list(layer.items())) for layer in layers])


def values_of(tree, component):
    if component in tree.groups:
        return tree.groups[component].values
    return (NUMBERS[component],) if component in NUMBERS else ("y", "n")


def test_the_table_names_every_preset(tree):
    for name, preset in PRESETS.items():
        bases = tree.groups[preset.base].values
        for value in tree.groups[name].values:
            assert value == "custom" or preset.aliases.get(value, value) in bases


@pytest.mark.parametrize("preset", NAMES)
@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_on_each_preset(tree, preset, component):
    base = {"ARCH_PRESET": preset}
    fixed = resolve(tree, base)
    for value in values_of(tree, component):
        if component == "ACTIVATION" and fixed.typed().ACTIVATION is None:
            continue  # SwiGLU has its own; freeing the preset would bring no other.
        wish = {component: value}
        found = resolve(tree, base, wish)
        is_free = component == "ATTENTION_BACKEND"  # how a model is computed, not what it is
        if is_free or found.typed().hash == fixed.typed().hash:
            assert (found.typed().ARCH_PRESET, found.notes) == (preset, ())
            continue
        custom = {"ARCH_PRESET": "custom", "ARCH_BASE": BASES[preset]}
        assert found.text([]) == resolve(tree, custom | wish).text([])
        assert resolve(tree, base | wish).text([]) == found.text([])
        assert found.notes == (
            f"ARCH_PRESET={preset} does not have {component}={value}: "
            f"read as ARCH_PRESET=custom ARCH_BASE={BASES[preset]}",
        )
        # On a stored file as well, and one line on what it replaces.
        file = scan_text(fixed.file_text([]), ".config", "state")
        assert tree.resolve([file, override_layer([(component, value)])]).text([]) == found.text([])


def test_a_base_that_is_given_stays(tree):
    found = resolve(tree, {"ARCH_PRESET": "llama"}, {"ARCH_BASE": "gpt2", "QK_NORM": "y"})
    assert (found.typed().ARCH_BASE, found.typed().NORMALIZATION) == ("gpt2", "layernorm")
    assert resolve(tree, {"ARCH_BASE": "llama"}).typed().NORMALIZATION == "rmsnorm"


def test_what_is_told_as_replaced_is_what_was_typed(tree):
    file = scan_text(resolve(tree, {"ARCH_PRESET": "llama"}).file_text([]), ".config", "state")
    found = tree.resolve([file, override_layer([("NORMALIZATION", "layernorm")])])
    ((earlier, later),) = found.overridden
    assert (earlier.name, later.name) == ("NORMALIZATION_RMSNORM", "NORMALIZATION_LAYERNORM")


def test_what_belongs_to_the_component_before_goes_with_it(tree):
    base = {"ARCH_PRESET": "llama", "FFN_MULTIPLE": "8", "ROPE_THETA": "500000"}
    wish = {"FFN_TYPE": "standard", "POSITION_ENCODING": "none"}
    found = resolve(tree, base, wish)
    assert (
        found.typed().hash
        == resolve(tree, {"ARCH_PRESET": "custom", "ARCH_BASE": "llama"} | wish).typed().hash
    )
    assert len(found.dropped) == 2


@pytest.mark.parametrize(
    ("base", "wish"),
    [
        ({"ARCHITECTURE": "unified-ra"}, {"QK_NORM": "y"}),  # a study on the published GPT-2
        ({"ARCH_PRESET": "llama"}, {"ACTIVATION": "relu"}),  # SwiGLU has its own
        ({}, {"ROPE_THETA": "500000"}),  # of positions that are not asked for
        ({}, {"N_LAYER": "3"}),  # of another choice
    ],
)
def test_where_custom_does_not_help_the_condition_is_told(tree, base, wish):
    with pytest.raises(ConfigError, match="wants"):
        resolve(tree, base, wish)


def test_a_file_that_contradicts_itself_is_refused(tree):
    lines = scan_text("CONFIG_POSITION_ENCODING_ROPE=y\n", "fragment", "request")
    with pytest.raises(ConfigError, match="POSITION_ENCODING_ROPE=y wants"):
        tree.resolve([read_layer(ROOT / "defconfigs" / "smoke", "smoke"), lines])


def test_variations_and_sweeps_of_components_on_a_preset(configure):
    one = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}
    on_preset = configure(**one, VARIATIONS="POSITION_ENCODING=rope;ARCH_PRESET=llama QK_NORM=y")
    custom = "ARCH_PRESET=custom ARCH_BASE=llama QK_NORM=y"
    explicit = configure(**one, VARIATIONS=f"ARCH_PRESET=custom POSITION_ENCODING=rope;{custom}")
    assert [run.hash for run in expand(on_preset).runs] == [
        run.hash for run in expand(explicit).runs
    ]
    swept = configure(**one, SWEEP="POSITION_ENCODING=learned-absolute,rope")
    assert [run.arm for run in expand(swept).runs] == ["adamw gpt2", "adamw rope"]
    text = plan_text(plan(swept))
    assert text.count("ARCH_PRESET=gpt2 does not have POSITION_ENCODING=rope: read as") == 1


def test_a_study_that_a_preset_ends_is_said(tree):
    """ARCHITECTURE fell back to vanilla, and ten steps became one run, without a word."""
    study = {"ARCHITECTURE": "unified-ra", "RA_STEP": "V1"}
    file = scan_text(resolve(tree, study).file_text([]), ".config", "state")
    found = tree.resolve([file, override_layer([("ARCH_PRESET", "llama")])])
    assert found.typed().ARCHITECTURE == "vanilla"
    assert found.notes == (
        "ARCHITECTURE=unified-ra wants ARCH_PRESET_GPT2 (=n): "
        "ARCHITECTURE=vanilla is taken in its place",
    )
    asked = override_layer([("ARCH_PRESET", "llama"), ("ARCHITECTURE", "vanilla")])
    assert tree.resolve([file, asked]).notes == ()
    custom = resolve(tree, {"ARCH_PRESET": "custom", "NORMALIZATION": "rmsnorm"})
    file = scan_text(custom.file_text([]), ".config", "state")
    assert tree.resolve([file, override_layer([("ARCH_PRESET", "gpt2")])]).notes == ()


def test_a_component_beside_the_study_is_what_is_refused(tree):
    with pytest.raises(ConfigError) as refused:
        resolve(tree, {"ARCHITECTURE": "unified-ra", "RA_STEP": "V1", "NORMALIZATION": "rmsnorm"})
    assert [problem.what.split("=")[0] for problem in refused.value.problems] == [
        "NORMALIZATION_RMSNORM"
    ]


def test_a_component_that_its_choice_hides_names_the_condition(tree):
    wish = {"ARCH_PRESET": "custom", "FFN_TYPE": "swiglu", "ACTIVATION": "relu"}
    with pytest.raises(ConfigError, match=r"ACTIVATION_RELU=y wants FFN_TYPE_STANDARD \(=n\)"):
        resolve(tree, wish)
