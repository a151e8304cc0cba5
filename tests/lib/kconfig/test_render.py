import subprocess
import sys

import pytest

from lib.kconfig import Config, ConfigError, read_config_py, render_config_py
from lib.kconfig.randomize import Randomness, random_configuration


def test_what_is_written_is_read_back(tree, tmp_path):
    path = tmp_path / "config.py"
    for seed in range(30):
        config = random_configuration(tree, Randomness(seed)).typed()
        path.write_text(render_config_py(config, ["a header"]), encoding="ascii")
        again = read_config_py(path)
        assert again == config
        assert again.hash == config.hash
        assert list(again) == list(config)


def test_the_file_is_python(derive, tmp_path):
    path = tmp_path / "config.py"
    config = derive(OPTIMIZER="adamw", RESULTS_DIR="r\u00e9s $x\\").typed()
    path.write_text(render_config_py(config, []), encoding="ascii")
    program = "import config; print(config.CONFIG_HASH, config.CONFIG_RESULTS_DIR.encode())"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.split(" ", 1) == [config.hash, f"{config.RESULTS_DIR.encode()}\n"]


def test_the_form(derive):
    lines = render_config_py(derive(OPTIMIZER="adamw").typed(), ["from: x"]).splitlines()
    assert lines[1] == "# from: x"
    for line in (
        "CONFIG_OPTIMIZER = ('adamw',)",
        "CONFIG_VARIANT = None",
        "CONFIG_BIAS = True",
        "CONFIG_MAX_ITERS = 10",
        "CONFIG_LEARNING_RATE = 0.0006",
        "CONFIG_MODEL = 'gpt2'",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import os\n", "config.py:1: holds something other"),
        ("CONFIG_A = 1\nCONFIG_B = open('/etc/passwd')\n", "config.py:2: holds something other"),
        ("CONFIG_A = CONFIG_B = 1\n", "config.py:1: holds something other"),
        ("A = 1\n", "config.py:1: holds something other"),
        ("CONFIG_A = (\n", "is no generated file"),
        ("CONFIG_A = 1\0", "is no generated file"),
        ("", "is cut short"),
        ("CONFIG_A = 1\n", "is cut short"),
        ('CONFIG_A = 1\nCONFIG_HASHED = ("B",)\nCONFIG_HASH = "x"\n', "is cut short"),
        ('CONFIG_A = 1\nCONFIG_HASHED = ("A",)\n', "CONFIG_HASH is None"),
        ('CONFIG_A = 1\nCONFIG_HASHED = ("A",)\nCONFIG_HASH = "x"\n', "CONFIG_HASH is x"),
    ],
)
def test_anything_else_is_refused_and_never_run(tmp_path, text, what):
    path = tmp_path / "config.py"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config_py(path)
    assert what in str(caught.value)
    assert "make syncconfig" in str(caught.value)


def test_a_changed_value_is_found_by_the_hash(derive, tmp_path):
    path = tmp_path / "config.py"
    text = render_config_py(derive().typed(), [])
    path.write_text(text.replace("CONFIG_SEED = 1337", "CONFIG_SEED = 1338"))
    with pytest.raises(ConfigError, match="edited by hand"):
        read_config_py(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_config_py(tmp_path / "config.py")


def test_a_config_without_names_can_be_rendered(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(render_config_py(Config({}, ()), []))
    assert read_config_py(path) == Config({}, ())
