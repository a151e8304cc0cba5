"""Published corpora end to end: from a folder, from a mirror's address, from the Hub.

The files are small parquet files made here, the servers are on the loopback device, and the code
is all that runs with the real ones.
"""

import dataclasses
import hashlib

import pyarrow
import pyarrow.parquet
import pytest

from gpt2.datasets import CORPORA
from gpt2.datasets.errors import CORRUPT
from gpt2.datasets.hub import HubCorpus, held_out_tokens
from gpt2.datasets.listing import Remote
from tests.gpt2.datasets.hub.corpus import (
    HELD_OUT_NAME,
    NAMES,
    STORIES,
    check_stories,
    everything,
    prepared,
    refused,
    tokens_of,
    write_sums,
)

# --- where it comes from makes no difference ---


def test_from_a_folder_which_stays_as_it_is(tmp_path, mirror, gpt2):
    before = sorted(mirror.rglob("*"))
    dataset = prepared(tmp_path / "data", mirror)
    check_stories(dataset, gpt2)
    assert sorted(mirror.rglob("*")) == before
    cached = [path.name for path in (tmp_path / "data" / "cache").rglob("*") if path.is_file()]
    assert [name for name in cached if name.endswith(".parquet")] == []
    source = dataset.manifest.source
    assert source["repository"] == "roneneldan/TinyStories"
    assert source["revision"] == CORPORA["tinystories"].published.revision
    assert source["files"] == 4


def test_from_an_address_and_from_the_hub_the_same(tmp_path, mirror, net, from_hub, gpt2):
    folder = prepared(tmp_path / "a", mirror)
    address = prepared(tmp_path / "b", net.url)
    the_hub = from_hub(data="c")
    check_stories(address, gpt2)
    assert folder.manifest == address.manifest == the_hub.manifest
    for data in ("b", "c"):
        left = [path.name for path in (tmp_path / data / "cache").rglob("*.parquet*")]
        assert left == [], "the cache is not a second copy"


def test_the_hub_is_asked_for_the_pinned_commit_and_once_for_the_list(from_hub, net):
    from_hub()
    published = CORPORA["tinystories"].published
    asked = [path for path in net.paths if not path.startswith("cdn/")]
    assert asked[0] == f"api/datasets/roneneldan/TinyStories/tree/{published.revision}/data"
    place = f"datasets/roneneldan/TinyStories/resolve/{published.revision}/"
    assert asked[1:] == [f"{place}{name}" for name in [HELD_OUT_NAME, *NAMES]]


def test_a_login_is_for_the_hub_alone(from_hub, net, monkeypatch, tmp_path):
    from_hub(data="a")
    assert {login for _, login in net.logins} == {None}
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    net.logins.clear()
    from_hub(data="b")
    for path, login in net.logins:
        assert login == (None if path.startswith("cdn/") else "Bearer hf_secret"), path
    assert any(path.startswith("cdn/") for path, _ in net.logins)
    net.logins.clear()
    prepared(tmp_path / "c", net.url)
    assert {login for _, login in net.logins} == {None}, "a mirror is not the Hub"


def test_another_revision_is_another_dataset(from_hub, net, tmp_path, gpt2):
    dataset = from_hub(revision="v2.0")
    check_stories(dataset, gpt2)
    assert dataset.folder.name.startswith("tinystories-r")
    assert dataset.manifest.source["revision"] == "v2.0"
    assert "api/datasets/roneneldan/TinyStories/tree/v2.0/data" in net.paths


# --- the budget ---


def test_a_budget_takes_the_first_and_only_the_files_it_needs(tmp_path, net, gpt2):
    dataset = prepared(tmp_path / "data", net.url, tokens="1K")
    check_stories(dataset, gpt2, 1000)
    assert dataset.folder.name == "tinystories-1K"
    assert not any("train-00001" in path for path in net.paths)


def test_each_budget_has_its_folder_and_hash(tmp_path, mirror):
    one = prepared(tmp_path / "data", mirror, tokens="1K")
    other = prepared(tmp_path / "data", mirror, tokens="2K")
    assert one.folder != other.folder
    assert one.manifest.hash != other.manifest.hash
    assert one.manifest.validation == other.manifest.validation


def test_the_head_is_held_out_where_no_split_is_published(tmp_path, mirror, gpt2, monkeypatch):
    published = dataclasses.replace(
        CORPORA["tinystories"].published, validation=None, train="data/train-*.parquet"
    )
    monkeypatch.setitem(CORPORA, "tinystories", HubCorpus("a test", published))
    dataset = prepared(tmp_path / "data", mirror, tokens="2K")
    tokens = tokens_of(gpt2, [text for part in STORIES for text in part])
    assert everything(dataset.validation) == tokens[:200]
    assert everything(dataset.train) == tokens[200:2000]


@pytest.mark.parametrize(
    ("tokens", "stated", "held_out"),
    [
        (0, 10**10, 10_485_760),
        (10**9, 10**10, 10_485_760),
        (10**8, 10**10, 10**7),
        (10**12, 10**6, 10**5),
        (1000, 10**10, 100),
    ],
)
def test_how_much_is_held_out(tokens, stated, held_out):
    assert held_out_tokens(tokens, stated) == held_out


def test_articles_are_documents(tmp_path, mirror, gpt2, monkeypatch):
    rows = ["", " = A = \n", "", " Text of A . \n", " = = B = = \n", " More . \n", "", " = C = \n"]
    folder = mirror / "wikitext" / "raw"
    folder.mkdir(parents=True)
    for name in ("train-0.parquet", "validation-0.parquet"):
        pyarrow.parquet.write_table(pyarrow.table({"text": rows}), folder / name)
    write_sums(mirror / "wikitext")
    published = dataclasses.replace(
        CORPORA["wikitext"].published,
        train="raw/train-*.parquet",
        validation="raw/validation-*.parquet",
        files=(),
    )
    monkeypatch.setitem(CORPORA, "wikitext", HubCorpus("a test", published))
    dataset = prepared(tmp_path / "data", mirror, dataset="wikitext")
    articles = [" = A = \n Text of A . \n = = B = = \n More . \n", " = C = \n"]
    assert everything(dataset.train) == tokens_of(gpt2, articles)


# --- pinned files ---


@pytest.fixture
def pinned(mirror, monkeypatch):
    """The corpus with its sizes and digests written down, and a mirror without a listing."""
    (mirror / "tinystories" / "SHA256SUMS").unlink()
    files = []
    for name in sorted([*NAMES, HELD_OUT_NAME]):
        data = (mirror / "tinystories" / name).read_bytes()
        files.append(Remote(name, len(data), hashlib.sha256(data).hexdigest()))
    published = dataclasses.replace(CORPORA["tinystories"].published, files=tuple(files))
    monkeypatch.setitem(CORPORA, "tinystories", HubCorpus("a test", published))
    return published


def test_pinned_files_need_no_listing(tmp_path, mirror, net, pinned, gpt2):
    check_stories(prepared(tmp_path / "a", mirror), gpt2)
    check_stories(prepared(tmp_path / "b", net.url), gpt2)
    assert not any(path.startswith("api/") or "SHA256SUMS" in path for path in net.paths)


def test_a_mirror_cannot_pass_off_other_files_for_the_pinned(tmp_path, mirror, net, pinned):
    path = mirror / "tinystories" / NAMES[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    write_sums(mirror / "tinystories")
    for place in (mirror, net.url):
        error = refused(tmp_path / "data", place)
        assert error.exit_status == CORRUPT
        assert pinned.files[0].sha256 in str(error)


def test_the_digests_of_the_registry_are_digests():
    for name in ("finewebedu", "wikitext"):
        published = CORPORA[name].published
        assert list(published.files) == sorted(published.files)
        assert sum(remote.size for remote in published.files) == published.download_bytes
        for remote in published.files:
            assert len(bytes.fromhex(remote.sha256)) == 32
    assert [
        len(CORPORA[name].published.revision)
        for name in CORPORA
        if hasattr(CORPORA[name], "published")
    ] == [40] * 4
