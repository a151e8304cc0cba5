"""Random configurations of the real tree go round through every form that one can take."""

import pytest

from lib.kconfig import Tree, read_config_py, render_config_py
from lib.kconfig.randomize import Randomness, random_configuration
from lib.kconfig.scan import scan_text


def go_round(tree: Tree, seed: int, folder) -> None:
    """olddefconfig is a fixed point, savedefconfig comes back, config.py loads."""
    configuration = random_configuration(tree, Randomness(seed))
    text, config = configuration.text([]), configuration.typed()
    assert configuration.problems == configuration.dropped == ()
    assert all(configuration.axes().values()), "an axis without a member"

    again = tree.resolve([scan_text(text, ".config", "state")])
    assert again.text([]) == text
    assert again.typed() == config
    assert again.dropped == ()

    kept = scan_text(configuration.file_text(["run x"]), ".config", "state")
    assert kept.is_as_written
    again = tree.resolve([kept])
    assert (again.text([]), again.typed(), again.notes) == (text, config, ())
    assert again.file_text(["run x"]) == configuration.file_text(["run x"])

    minimal = tree.resolve([scan_text(configuration.minimal_text(), "defconfig", "request")])
    assert minimal.text([]) == text
    assert minimal.typed().hash == config.hash

    path = folder / "config.py"
    path.write_text(render_config_py(config, []), encoding="ascii")
    assert read_config_py(path) == config


@pytest.mark.parametrize("first", [0, 25])
def test_some_random_configurations(tree, tmp_path, first):
    for seed in range(first, first + 25):
        go_round(tree, seed, tmp_path)


@pytest.mark.slow
def test_five_hundred_random_configurations(tree, tmp_path):
    for seed in range(100, 600):
        go_round(tree, seed, tmp_path)
