"""A network that is slow, breaks off, lies, or is not there."""

import json
import shutil
import socket
import time

import pytest

from gpt2.datasets import download, hub
from gpt2.datasets.errors import CORRUPT, MISSING, DataError
from gpt2.datasets.resume import PROGRESS_NAME
from gpt2.datasets.tokenizers import GPT2_MERGES
from tests.gpt2.datasets.hub.corpus import NAMES, check_stories, prepared, refused


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
