import os
from pathlib import Path

import pytest

from lib.kconfig import NoConfig
from lib.kconfig.store import config_path, header_lines, read_config, save_config


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".config"


def test_the_path_is_kconfig_config():
    assert config_path({}) == Path(".config")
    assert config_path({"KCONFIG_CONFIG": ""}) == Path(".config")
    assert config_path({"KCONFIG_CONFIG": "x/y"}) == Path("x/y")


def test_header_and_origin_come_back(path, derive):
    assert save_config(path, derive(SEED="3"), "quickstart+cpu")
    first, second = path.read_text().splitlines()[:2]
    assert first == "# bitterbench configuration, generated; edit with `make menuconfig`"
    assert second == "# from: quickstart+cpu"
    layer = read_config(path)
    assert (layer.kind, layer.origin) == ("state", "quickstart+cpu")
    assert header_lines(None) == header_lines("x")[:1]


def test_the_origin_reaches_the_configuration(path, tree, derive):
    save_config(path, derive(), "quickstart")
    assert tree.resolve([read_config(path)]).derive({"SEED": "2"}, "x").origin == "quickstart"
    assert derive().origin is None


def test_an_unchanged_file_is_left_alone(path, derive):
    save_config(path, derive(), None)
    os.utime(path, (1, 1))
    assert not save_config(path, derive(), None)
    assert path.stat().st_mtime == 1
    assert not path.with_name(".config.old").exists()


def test_the_one_before_is_kept(path, derive):
    save_config(path, derive(SEED="1"), None)
    before = path.read_text()
    assert save_config(path, derive(SEED="2"), None)
    assert path.with_name(".config.old").read_text() == before
    assert sorted(file.name for file in path.parent.iterdir()) == [".config", ".config.old"]


def test_a_symbolic_link_stays_one(path, tmp_path, derive):
    target = tmp_path / "elsewhere" / "mine"
    target.parent.mkdir()
    target.write_text("CONFIG_SEED=1\n")
    path.symlink_to(target)
    save_config(path, derive(), None)
    assert path.is_symlink()
    assert target.read_text() == path.read_text()
    assert path.with_name(".config.old").read_text() == "CONFIG_SEED=1\n"


def test_a_missing_config(path):
    with pytest.raises(NoConfig):
        read_config(path)
