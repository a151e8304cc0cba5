"""Listings that are wrong, mirrors that lack something, packages and logins."""

import importlib.metadata
import os

import pytest

from gpt2.datasets.errors import CORRUPT, MISSING, USAGE, DataError
from gpt2.datasets.listing import Remote, resource_of
from gpt2.datasets.tinystories import TINYSTORIES
from tests.gpt2.datasets.hub.corpus import NAMES, refused


@pytest.mark.parametrize(
    "line",
    [
        "no digest at all",
        f"{'0' * 64}  ../../outside.parquet",
        f"{'0' * 64}  data/../../x.parquet",
        f"{'0' * 64}  /etc/passwd",
        f"{'0' * 63}  data/x.parquet",
    ],
)
def test_a_listing_that_is_wrong_is_refused(tmp_path, mirror, line):
    path = mirror / "tinystories" / "SHA256SUMS"
    path.write_text(path.read_text() + line + "\n")
    error = refused(tmp_path / "data", mirror)
    assert error.exit_status == CORRUPT
    assert "find . -name '*.parquet' -exec sha256sum {} + > SHA256SUMS" in str(error)


@pytest.mark.parametrize(
    "tree",
    [
        {"error": "none"},
        [{"type": "file", "path": "data/train-0.parquet", "lfs": {}}],
        [{"type": "file", "path": "data/train-0.parquet", "lfs": {"oid": "short", "size": 3}}],
        [{"type": "file", "path": "../x", "lfs": {"oid": "0" * 64, "size": 3}}],
        [{"type": "file", "path": "data/x", "lfs": {"oid": "0" * 64, "size": "many"}}],
        "words",
    ],
)
def test_an_answer_of_the_hub_that_is_wrong_is_refused(from_hub, net, tree):
    net.tree = tree
    with pytest.raises(DataError, match="did not answer with a list of files") as caught:
        from_hub()
    assert caught.value.exit_status == CORRUPT


def test_a_revision_without_such_files_is_told(from_hub, net):
    net.tree = []
    with pytest.raises(DataError, match="has no file data/train") as caught:
        from_hub(revision="v9")
    assert caught.value.exit_status == MISSING
    assert "DATASET_REVISION" in str(caught.value)


def test_a_mirror_without_a_listing_says_how_to_make_one(tmp_path, mirror):
    (mirror / "tinystories" / "SHA256SUMS").unlink()
    error = refused(tmp_path / "data", mirror)
    assert error.exit_status == MISSING
    assert "run there: find . -name" in str(error)


def test_a_mirror_that_lacks_a_file_is_told(tmp_path, mirror):
    (mirror / "tinystories" / NAMES[2]).unlink()
    error = refused(tmp_path / "data", mirror)
    assert error.exit_status == MISSING
    assert f"has no file tinystories/{NAMES[2]}" in str(error)


def test_missing_packages_are_told_before_the_network_is_asked(tmp_path, net, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    error = refused(tmp_path / "data", net.url)
    assert error.exit_status == USAGE
    assert "make setup EXTRAS=data" in str(error)
    assert net.paths == []


def test_a_token_in_the_home_folder_is_read(monkeypatch, tmp_path):
    from gpt2.datasets.listing import authorization

    assert authorization() is None
    (tmp_path / "nobody").mkdir()
    (tmp_path / "nobody" / "token").write_text("hf_abc\n")
    assert authorization() == "Bearer hf_abc"
    (tmp_path / "nobody" / "token").write_text("two\nlines")
    assert authorization() is None
    monkeypatch.setenv("HF_TOKEN", "hf_env")
    assert authorization() == "Bearer hf_env"
    assert os.environ["HF_TOKEN"] == "hf_env"


def test_a_reference_with_slashes_is_one_part_of_the_address():
    """As the Hub wants it for what it converted itself."""
    remote = Remote("data/a b.parquet", 1, "0" * 64)
    published = TINYSTORIES.published
    resource = resource_of(remote, published, "tinystories", "refs/convert/parquet", "")
    assert resource.url.endswith("/resolve/refs%2Fconvert%2Fparquet/data/a%20b.parquet")
