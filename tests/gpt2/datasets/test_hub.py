"""Published corpora end to end: from a folder, from a mirror's address, from a stand-in of the Hub.

The files are small parquet files made here, the servers are on the loopback device, and the code
is all that runs with the real ones.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow
import pyarrow.parquet
import pytest

from gpt2.datasets import CORPORA, dataset_folder, download, hub, prepare
from gpt2.datasets.errors import CORRUPT, MISSING, USAGE, DataError
from gpt2.datasets.hub import HubCorpus, held_out_tokens
from gpt2.datasets.listing import Remote
from gpt2.datasets.manifest import read_manifest
from gpt2.datasets.resume import PROGRESS_NAME
from gpt2.datasets.shards import open_dataset, verify
from gpt2.datasets.tokenizers import GPT2_EOT, GPT2_MERGES

STORIES = [
    [f"Story {part}-{number}. Once upon a time there was a {'very ' * (number % 7)}small cat.\n"
     for number in range(120)]
    for part in range(3)
]  # fmt: skip
HELD_OUT = [f"A story {number} that nobody learns.\n" for number in range(20)]
NAMES = [f"data/train-{part:05d}-of-00003.parquet" for part in range(3)]
HELD_OUT_NAME = "data/validation-00000-of-00001.parquet"


def write_repository(folder):
    """The files of a corpus like TinyStories, below `folder`."""
    for name, texts in zip([*NAMES, HELD_OUT_NAME], [*STORIES, HELD_OUT], strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=25)


def write_sums(folder):
    lines = []
    for path in sorted(folder.rglob("*.parquet")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  ./{path.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture(autouse=True)
def no_login(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nobody"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirror(tmp_path, real_mirror):
    """A mirror that is a folder, with the vocabulary and one corpus."""
    folder = tmp_path / "mirror"
    write_repository(folder / "tinystories")
    write_sums(folder / "tinystories")
    vocabulary = folder / GPT2_MERGES.mirror_path
    vocabulary.parent.mkdir()
    shutil.copy(f"{real_mirror}/{GPT2_MERGES.mirror_path}", vocabulary)
    return folder


@dataclass
class Net:
    """What the server does, and what it was asked. Faults are for paths that end in `at`."""

    folder: object
    at: str = "\0"
    status: int = 200
    change: object = None
    break_after: int | None = None
    length: str | None = None
    pause_s: float = 0.0
    tree: object = None
    url: str = ""
    paths: list = field(default_factory=list)
    ranges: list = field(default_factory=list)
    logins: list = field(default_factory=list)


@pytest.fixture
def net(mirror):
    """A server of the mirror's files, which is also a Hub: /api/.../tree and /resolve/."""
    state = Net(mirror)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.lstrip("/")
            state.paths.append(path)
            state.logins.append((path, self.headers.get("Authorization")))
            if path.startswith("api/"):
                self.answer(200, json.dumps(self.tree()).encode(), {})
            elif "/resolve/" in path:
                # As the Hub does: the bytes are on another host.
                name = path.split("/resolve/", 1)[1].split("/", 1)[1]
                place = f"http://localhost:{self.server.server_address[1]}/cdn/{name}"
                self.answer(302, b"", {"Location": place})
            else:
                self.serve(path.replace("cdn/", "tinystories/", 1))

        def tree(self):
            if state.tree is not None:
                return state.tree
            entries = [{"type": "file", "path": "data/notes.txt", "size": 3, "oid": "a"}]
            for path in sorted((mirror / "tinystories").rglob("*.parquet")):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                size = path.stat().st_size
                name = str(path.relative_to(mirror / "tinystories"))
                lfs = {"oid": digest, "size": size, "pointerSize": 134}
                entries.append({"type": "file", "path": name, "size": size, "oid": "b", "lfs": lfs})
            return entries

        def serve(self, path):
            is_bad = path.endswith(state.at)
            if (is_bad and state.status != 200) or not (mirror / path).is_file():
                self.answer(state.status if is_bad else 404, b"", {})
                return
            body = (mirror / path).read_bytes()
            if is_bad and state.change is not None:
                body = state.change(body)
            asked = self.headers.get("Range")
            state.ranges.append((path, asked))
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            headers = {}
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            if is_bad and state.length is not None:
                headers["Content-Length"] = state.length
            self.answer(206 if asked else 200, body[start:], headers, is_bad)

        def answer(self, status, body, headers, is_bad=False):
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                if is_bad and state.pause_s:
                    for first in range(0, len(body), 2000):
                        self.wfile.write(body[first : first + 2000])
                        self.wfile.flush()
                        time.sleep(state.pause_s)
                else:
                    self.wfile.write(body[: state.break_after] if is_bad else body)
            except OSError:
                pass
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def from_hub(net, mirror, tmp_path, monkeypatch):
    """Prepares from the stand-in of the Hub, with the vocabulary in the cache."""
    monkeypatch.setenv("HF_ENDPOINT", net.url)

    def run(told=None, data="data", **options):
        cached = tmp_path / data / "cache" / GPT2_MERGES.mirror_path
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(mirror / GPT2_MERGES.mirror_path, cached)
        return prepared(tmp_path / data, "", told, **options)

    return run


def prepared(data, mirror, told=None, dataset="tinystories", tokens="0", revision=None):
    lines = told if told is not None else []
    options = {"tokens": tokens, "revision": revision}
    prepare(dataset, data, str(mirror), None, None, lines.append, **options)
    opened = open_dataset(dataset_folder(dataset, data, None, None, **options))
    verify(opened)
    return opened


def refused(data, mirror, **options):
    with pytest.raises(DataError) as caught:
        prepared(data, mirror, **options)
    assert "\n" not in str(caught.value)
    assert read_manifest(data / "tinystories") is None
    return caught.value


def tokens_of(gpt2, texts):
    return [token for text in texts for token in (GPT2_EOT, *gpt2.encode(text).tolist())]


def everything(stream):
    return stream.window(0, len(stream)).tolist()


def check_stories(dataset, gpt2, budget=None):
    train = tokens_of(gpt2, [text for part in STORIES for text in part])
    assert everything(dataset.train) == train[:budget]
    assert everything(dataset.validation) == tokens_of(gpt2, HELD_OUT)


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


# --- faults of the network ---


def test_a_slow_server_is_only_slow(tmp_path, net, gpt2):
    net.at, net.pause_s = NAMES[0], 0.05
    check_stories(prepared(tmp_path / "data", net.url), gpt2)


def test_a_dropped_connection_keeps_what_is_done_and_goes_on(tmp_path, mirror, net, monkeypatch):
    monkeypatch.setattr("gpt2.datasets.build.SHARD_TOKENS", 500)
    monkeypatch.setattr(hub, "VALIDATION_TOKENS", 100)
    straight = prepared_in_shards(tmp_path / "straight", mirror, monkeypatch)
    net.at, net.break_after = NAMES[2], 1500
    error = None
    with pytest.raises(DataError) as caught:
        prepared_in_shards(tmp_path / "data", net.url, monkeypatch)
    error = caught.value
    assert error.exit_status == MISSING
    assert "broke off after 1,500 of" in str(error)
    assert "Give the command again" in str(error)
    folder = tmp_path / "data" / "tinystories"
    done = len(json.loads((folder / PROGRESS_NAME).read_text())["shards"])
    assert done > 5
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.glob("train-*.bin")}
    net.at, net.paths, net.ranges = "\0", [], []
    told = []
    resumed = prepared_in_shards(tmp_path / "data", net.url, monkeypatch, told)
    assert resumed.manifest == straight.manifest
    assert any(line.startswith("going on behind") for line in told)
    assert (f"tinystories/{NAMES[2]}", "bytes=1500-") in net.ranges, "the rest, not the whole"
    assert not any(NAMES[0] in path for path in net.paths), "what is tokenised is not fetched"
    for name, stamp in list(stamps.items())[:done]:
        assert (folder / name).stat().st_mtime_ns == stamp
    for path in sorted(straight.folder.glob("*.bin")):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def prepared_in_shards(data, place, monkeypatch, told=None):
    """With shards of 500 tokens."""
    from gpt2 import datasets

    original = datasets.build_dataset
    with monkeypatch.context() as patch:
        patch.setattr(
            datasets, "build_dataset", lambda *arguments: original(*arguments, shard_tokens=500)
        )
        return prepared(data, place, told)


def test_a_wrong_length_is_refused(tmp_path, net):
    net.at, net.length = NAMES[1], "77"
    error = refused(tmp_path / "data", net.url)
    assert error.exit_status in (CORRUPT, MISSING)
    assert NAMES[1] in str(error)


def test_a_wrong_hash_is_refused_and_no_row_of_it_is_read(tmp_path, net, gpt2):
    net.at, net.change = NAMES[1], lambda body: body[:100] + b"x" + body[101:]
    error = refused(tmp_path / "data", net.url)
    assert error.exit_status == CORRUPT
    assert "SHA-256" in str(error)
    assert list((tmp_path / "data").rglob(f"{NAMES[1].rpartition('/')[2]}*")) == []
    net.at = "\0"
    check_stories(prepared(tmp_path / "data", net.url), gpt2)


@pytest.mark.parametrize("status", [404, 403, 429, 500, 503])
@pytest.mark.parametrize("at", [NAMES[1], "SHA256SUMS"])
def test_an_http_error_is_told_once_with_a_way_out(tmp_path, net, status, at):
    net.at, net.status = at, status
    error = refused(tmp_path / "data", net.url)
    assert error.exit_status == MISSING
    assert f"HTTP {status}" in str(error)
    assert "CUSTOM_DOCUMENTS=y" in str(error)
    whole = [path for path in net.paths if path.endswith(at)]
    assert len(whole) <= 2, "one question for its length, one for it; no retry"


def test_no_route_is_told_at_once(tmp_path, mirror, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        cached = tmp_path / "data" / "cache" / GPT2_MERGES.mirror_path
        cached.parent.mkdir(parents=True)
        shutil.copy(mirror / GPT2_MERGES.mirror_path, cached)
        for place in ("", address):
            error = refused(tmp_path / "data", place)
            assert error.exit_status == MISSING
            assert "Connection refused" in str(error)
            assert "DATA_MIRROR" in str(error)


def test_a_server_that_says_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(download, "OPEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        cached = tmp_path / "data" / "cache" / GPT2_MERGES.mirror_path
        cached.parent.mkdir(parents=True)
        shutil.copy(mirror / GPT2_MERGES.mirror_path, cached)
        start = time.monotonic()
        error = refused(tmp_path / "data", "")
        assert "no answer within 0.2 s" in str(error)
        assert time.monotonic() - start < 5
    time.sleep(0.5)


# --- listings that are wrong ---


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
