"""An outside check: kconfiglib itself writes and reads the same states."""

import pytest

from lib.kconfig import backend, read_layer
from lib.kconfig.randomize import Randomness, random_configuration


@pytest.mark.parametrize("seed", range(30))
def test_the_text_is_what_kconfiglib_writes_and_reads(tree, tmp_path, seed):
    configuration = random_configuration(tree, Randomness(seed))
    ours = configuration.text(["one", "two"])
    path = tmp_path / "theirs"
    configuration.state().raw.write_config(str(path), header="# one\n# two\n")
    assert path.read_text(encoding="utf-8") == ours

    other = backend.parse(tree.root)
    other.load_config(str(path))
    values = {name: configuration.value(name).text for name in tree.symbols}
    assert {name: other.syms[name].str_value for name in tree.symbols} == values
    assert other.missing_syms == []
    assert other.warnings == []


def test_the_minimal_text_brings_the_same_back(tree, tmp_path):
    for seed in range(30):
        configuration = random_configuration(tree, Randomness(seed))
        path = tmp_path / "defconfig"
        configuration.state().raw.write_min_config(str(path), header="")
        assert path.read_text(encoding="utf-8") == configuration.minimal_text()
        path.write_text(configuration.minimal_text() or "# all defaults\n", encoding="utf-8")
        again = tree.resolve([read_layer(path, "defconfig", kind="request")])
        assert again.text([]) == configuration.text([])


def test_defaults_need_no_lines(tree):
    assert tree.resolve([]).minimal_text() == ""


def test_menus_and_comments_stand_in_the_text(tree):
    text = tree.resolve([]).text([])
    assert text.startswith("\n#\n# Model\n#\nCONFIG_MODEL_GPT2=y\n")
    assert "#\n# Every member is an arm.\n#\n# CONFIG_OPTIMIZER_ADAMW is not set\n" in text
    assert "# end of Model\n" in text
