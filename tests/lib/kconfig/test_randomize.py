import pytest

from lib.kconfig import ConfigError, Policy, load_tree
from lib.kconfig.randomize import Randomness, random_configuration
from lib.kconfig.scan import scan_text


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_configurations_are_fixed_points(tree, first):
    for seed in range(first, first + 50):
        text = random_configuration(tree, Randomness(seed)).text([])
        again = tree.resolve([scan_text(text, ".config", "state")])
        assert again.text([]) == text
        assert again.problems == again.dropped == ()
        assert all(len(members) > 0 for members in again.axes().values())


def test_a_seed_makes_the_same_one_again(tree):
    texts = [random_configuration(tree, Randomness(seed)).text([]) for seed in (5, 6, 5)]
    assert texts[0] == texts[2] != texts[1]


def test_all_of_the_tree_is_reached(tree):
    """Every bool takes both values and every number several, so nothing is left at its default."""
    seen: dict[str, set] = {name: set() for name in tree.symbols}
    for seed in range(300):
        for name, value in random_configuration(tree, Randomness(seed)).typed().items():
            if name in seen:
                seen[name].add(value)
    for name, symbol in tree.symbols.items():
        if symbol.prompt is None:
            continue
        values = seen[name] - {None}
        assert len(values) > (1 if symbol.kind == "bool" else 2), name


def test_probability(tree):
    share = {}
    for yes in (0.0, 1.0):
        config = random_configuration(tree, Randomness(1, yes)).typed()
        share[yes] = (config.BIAS, config.EXPERT, config.TRACKER_WANDB)
    assert share == {0.0: (False,) * 3, 1.0: (True,) * 3}


def test_a_preset_stays(tree, layer):
    preset = layer("CONFIG_DEVICE_CPU=y", "CONFIG_SEED=77", "CONFIG_OPTIMIZER_ADAMW=y")
    for seed in range(20):
        config = random_configuration(tree, Randomness(seed), [preset]).typed()
        assert (config.DEVICE, config.SEED) == ("cpu", 77)
        assert "adamw" in config.OPTIMIZER
    with pytest.raises(ConfigError, match="NOSUCH"):
        random_configuration(tree, Randomness(1), [layer("CONFIG_NOSUCH=y")])


def test_what_a_preset_fixes_is_not_hidden(tmp_path, layer):
    text = 'config A\n\tbool "a"\nconfig B\n\tint "b"\n\tdepends on !A\n\tdefault 0\n'
    (tmp_path / "Kconfig").write_text(text)
    tree = load_tree(tmp_path, Policy())
    for seed in range(20):
        config = random_configuration(tree, Randomness(seed), [layer("CONFIG_B=5")]).typed()
        assert (config.A, config.B) == (False, 5)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"KCONFIG_SEED": "0x12"}, Randomness(18)),
        ({"KCONFIG_SEED": "12", "KCONFIG_PROBABILITY": "10"}, Randomness(12, 0.1)),
        ({"KCONFIG_SEED": "12", "KCONFIG_PROBABILITY": "10:20"}, Randomness(12, 0.3)),
        ({"KCONFIG_SEED": "12", "KCONFIG_PROBABILITY": "10:20:30"}, Randomness(12, 0.1)),
    ],
)
def test_the_environment(environ, expected):
    assert Randomness.from_environment(environ) == expected


def test_a_fresh_seed_where_none_is_given():
    assert Randomness.from_environment({}).seed != Randomness.from_environment({}).seed


@pytest.mark.parametrize(
    "environ",
    [
        {"KCONFIG_SEED": "abc"},
        {"KCONFIG_PROBABILITY": "101"},
        {"KCONFIG_PROBABILITY": "60:60"},
        {"KCONFIG_PROBABILITY": "1:2:3:4"},
        {"KCONFIG_PROBABILITY": "-1"},
        {"KCONFIG_PROBABILITY": "10:"},
    ],
)
def test_a_wrong_environment(environ):
    with pytest.raises(ConfigError, match="KCONFIG_"):
        Randomness.from_environment(environ)


def test_lists_of_numbers_are_drawn(tmp_path):
    text = 'config A\n\tstring "a"\n\tdefault "1,8"\n\thelp\n\t  Type: integers in [1, 64]\n'
    (tmp_path / "Kconfig").write_text(text)
    tree = load_tree(tmp_path, Policy())
    drawn = {random_configuration(tree, Randomness(seed)).typed().A for seed in range(30)}
    assert len(drawn) > 10
    assert any("," in text for text in drawn)
