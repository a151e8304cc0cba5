from pathlib import Path

import pytest

from lib.kconfig import ConfigError
from lib.kconfig.catalogue import Catalogue, body, summary


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """A project with two defconfigs and two fragments, a user folder, and a listed folder."""
    for name, seed in (
        ("project/defconfigs/quick", 1),
        ("project/defconfigs/slow", 2),
        ("project/defconfigs/fragments/cpu.config", 3),
        ("project/defconfigs/fragments/seeds.config", 4),
        ("home/.config/bitterbench/slow", 5),
        ("home/.config/bitterbench/mine.config", 6),
        ("listed/slow", 7),
        ("listed/cpu.config", 8),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# About {path.name}.\nCONFIG_SEED={seed}\n")
    environ = {"HOME": str(tmp_path / "home"), "BITTERBENCH_CONFIG_PATH": f"{tmp_path}/listed:"}
    return Catalogue.from_environment(tmp_path / "project", environ)


def seeds(layers):
    return [layer.assignments[0].value for layer in layers]


def test_the_first_folder_that_has_a_name_counts(catalogue):
    assert seeds(catalogue.layers("quick+seeds")) == ["1", "4"]
    assert seeds(catalogue.layers("slow+cpu+mine")) == ["7", "8", "6"]


def test_layers_are_requests_labelled_by_their_place(catalogue, tmp_path):
    first, second = catalogue.layers("quick+cpu.config")
    assert (first.kind, first.label) == ("request", "defconfigs/quick")
    assert second.label == str(tmp_path / "listed/cpu.config")


@pytest.mark.parametrize("name", ["quik", "quick+cpus", "../quick", "", "quick+"])
def test_unknown_names(catalogue, name):
    with pytest.raises(ConfigError, match="of this name; "):
        catalogue.layers(name)


def test_near_names_are_listed(catalogue):
    with pytest.raises(ConfigError, match="did you mean quick"):
        catalogue.layers("quik")


def test_listing(catalogue):
    assert list(catalogue.defconfigs()) == ["quick", "slow"]
    assert list(catalogue.fragments()) == ["cpu", "mine", "seeds"]
    assert summary(catalogue.defconfigs()["quick"]) == "About quick."


def test_xdg_folder_and_no_folders_at_all(tmp_path):
    catalogue = Catalogue.from_environment(tmp_path, {"XDG_CONFIG_HOME": "/x"})
    assert catalogue.user_folders == (Path("/x/bitterbench"),)
    assert catalogue.defconfigs() == {}


def test_body_is_what_follows_the_leading_comments(tmp_path):
    assert body("# a\n#\n\nCONFIG_A=y\n# b\n") == "CONFIG_A=y\n# b\n"
    assert body("# a\n") == ""
    path = tmp_path / "x"
    path.write_text("CONFIG_A=y\n# not a summary\n")
    assert summary(path) == ""
