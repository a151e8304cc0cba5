"""What a command says on stderr about the configuration that it works on."""

import pytest

from lib import current
from lib.kconfig import overrides_from_arguments, overrides_from_environment
from lib.kconfig.store import header_lines


@pytest.fixture
def stored(tree, tmp_path, monkeypatch):
    """The defaults as a `.config` of a command's."""
    path = tmp_path / ".config"
    path.write_text(tree.resolve([]).file_text(header_lines(None)))
    monkeypatch.setattr(current, "config_file", lambda: path)
    return path


@pytest.mark.parametrize(
    "overrides",
    [
        overrides_from_arguments(["--position-encoding", "rope"]),
        overrides_from_environment(
            {
                "BITTERBENCH_OVERRIDES": "POSITION_ENCODING",
                "BITTERBENCH_GIVEN_POSITION_ENCODING": "rope",
            }
        ),
    ],
)
def test_a_component_on_a_preset_is_one_line(stored, capsys, overrides):
    config = current.load_configuration(overrides).typed()
    assert (config.ARCH_PRESET, config.ARCH_BASE) == ("custom", "gpt2")
    assert capsys.readouterr().err.splitlines() == [
        "command line: POSITION_ENCODING_ROPE=y instead of POSITION_ENCODING_LEARNED_ABSOLUTE",
        "note: ARCH_PRESET=gpt2 does not have POSITION_ENCODING=rope: read as "
        "ARCH_PRESET=custom ARCH_BASE=gpt2",
    ]


def test_an_edit_that_moves_defaults_is_one_line(stored, capsys):
    text = stored.read_text()
    stored.write_text(text.replace("\nCONFIG_MODEL_GPT2=y", "\nCONFIG_MODEL_GPT2=n"))
    with pytest.raises(ValueError, match="leaves the choice MODEL"):
        current.load_configuration(overrides_from_arguments([]))
    stored.write_text(text.replace("\nCONFIG_SEED=1337\n", "\nCONFIG_SEED=7\n"))
    assert current.load_configuration(overrides_from_arguments([])).typed().SEED == 7
    assert capsys.readouterr().err == ""
