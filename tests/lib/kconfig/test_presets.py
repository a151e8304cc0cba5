import pytest

from lib.kconfig import ConfigError, Policy, load_tree
from lib.kconfig.presets import preset_layers, set_all


def test_the_three_flavours(tree):
    defaults, no, yes = (set_all(tree, flavour, []).typed() for flavour in ("def", "no", "yes"))
    assert defaults == tree.resolve([]).typed()
    assert (no.BIAS, no.COMPILE, no.EXPERT) == (False, False, False)
    assert (yes.BIAS, yes.COMPILE, yes.EXPERT, yes.FUSED) == (True, True, True, True)
    assert yes.OPTIMIZER == ("adamw", "adamwprune")
    assert yes.PRUNING_METHOD == ("none", "magnitude", "state")
    assert yes.VARIANT == ("bitter0", "bitter1")
    assert no.OPTIMIZER == ()
    assert set_all(tree, "mod", []).typed() == yes


def test_a_preset_stays(tree, layer):
    preset = layer("CONFIG_DEVICE_CUDA=y", "# CONFIG_BIAS is not set", "CONFIG_SEED=3")
    yes = set_all(tree, "yes", [preset]).typed()
    assert (yes.BIAS, yes.SEED, yes.TF32, yes.DEVICE) == (False, 3, True, "cuda")


def test_a_symbol_that_would_break_the_rest_keeps_its_default(tmp_path):
    text = (
        'config A\n\tbool "a"\n\tselect B\nconfig C\n\tbool "c"\n'
        'config B\n\tbool "b"\n\tdepends on C\n'
    )
    (tmp_path / "Kconfig").write_text(text)
    yes = set_all(load_tree(tmp_path, Policy()), "yes", []).typed()
    assert (yes.A, yes.B, yes.C) == (False, True, True)


def test_what_a_preset_fixes_is_not_hidden(tmp_path, layer):
    text = 'config A\n\tbool "a"\nconfig B\n\tint "b"\n\tdepends on !A\n\tdefault 0\n'
    (tmp_path / "Kconfig").write_text(text)
    yes = set_all(load_tree(tmp_path, Policy()), "yes", [layer("CONFIG_B=5")]).typed()
    assert (yes.A, yes.B) == (False, 5)


def test_the_preset_file(tmp_path):
    assert preset_layers("no", {}, tmp_path) == []
    for value in ("", "1", "other.config"):
        with pytest.raises(ConfigError, match="KCONFIG_ALLCONFIG"):
            preset_layers("no", {"KCONFIG_ALLCONFIG": value}, tmp_path)
    (tmp_path / "all.config").write_text("CONFIG_SEED=1\n")
    assert preset_layers("no", {"KCONFIG_ALLCONFIG": "1"}, tmp_path)[0].label == "all.config"
    (tmp_path / "allno.config").write_text("CONFIG_SEED=2\n")
    assert preset_layers("no", {"KCONFIG_ALLCONFIG": ""}, tmp_path)[0].label == "allno.config"
    (tmp_path / "other.config").write_text("CONFIG_SEED=3\n")
    environ = {"KCONFIG_ALLCONFIG": "other.config"}
    assert preset_layers("no", environ, tmp_path)[0].label == "other.config"
