import dataclasses
import multiprocessing
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from gpt2.datasets import download
from gpt2.datasets.download import Resource, fetch
from gpt2.datasets.errors import CORRUPT, IO, MISSING, USAGE, DataError


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def put(folder: Path, resource: Resource, contents: bytes) -> Path:
    path = folder / resource.mirror_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def part(cache, resource):
    path = cache / f"{resource.mirror_path}.part"
    path.parent.mkdir(parents=True)
    return path


def refused(resource: Resource, cache: Path, mirror: str) -> DataError:
    with pytest.raises(DataError) as caught:
        fetch(resource, cache, mirror, lambda line: None)
    assert "\n" not in str(caught.value)
    return caught.value


# --- a mirror that is a folder ---


def test_copies_from_a_folder(tmp_path, cache, resource, server):
    put(tmp_path / "mirror", resource, server.contents)
    path = fetch(resource, cache, str(tmp_path / "mirror"), lambda line: None)
    assert path.read_bytes() == server.contents
    assert files_below(cache) == ["corpus/text.txt"]
    assert server.paths == []


def test_what_is_cached_needs_no_mirror(tmp_path, cache, resource, server):
    put(cache, resource, server.contents)
    path = fetch(resource, cache, str(tmp_path / "gone"), lambda line: None)
    assert path.read_bytes() == server.contents


def test_a_damaged_cache_is_fetched_again(tmp_path, cache, resource, server, told):
    put(cache, resource, b"x" * resource.size)
    put(tmp_path / "mirror", resource, server.contents)
    path = fetch(resource, cache, str(tmp_path / "mirror"), told.append)
    assert path.read_bytes() == server.contents
    assert "damaged" in told[0]


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: b"x" + data[1:]])
def test_a_wrong_file_in_a_mirror_is_not_used(tmp_path, cache, resource, server, change):
    original = put(tmp_path / "mirror", resource, change(server.contents))
    error = refused(resource, cache, str(tmp_path / "mirror"))
    assert error.exit_status == CORRUPT
    assert str(original) in str(error)
    assert "DATA_MIRROR" in str(error)
    assert files_below(cache) == []


def test_a_mirror_without_the_file_is_named(tmp_path, cache, resource):
    (tmp_path / "mirror").mkdir()
    error = refused(resource, cache, str(tmp_path / "mirror"))
    assert error.exit_status == MISSING
    assert "has no file corpus/text.txt" in str(error)


def test_a_mirror_that_is_no_folder_is_named(tmp_path, cache, resource):
    error = refused(resource, cache, str(tmp_path / "none"))
    assert error.exit_status == MISSING
    assert "is not a folder" in str(error)


@pytest.mark.parametrize("mirror", ["file:///tmp", "ftp://127.0.0.1", "s3://bucket"])
def test_only_http_and_folders_are_mirrors(cache, resource, mirror):
    error = refused(resource, cache, mirror)
    assert error.exit_status == USAGE
    assert f"DATA_MIRROR={mirror}/ is neither" in str(error)


# --- a server ---


def test_downloads_from_the_source(cache, resource, server, told):
    here = dataclasses.replace(resource, url=f"{server.url}/there")
    path = fetch(here, cache, "", told.append)
    assert path.read_bytes() == server.contents
    assert server.paths == ["/there"]
    assert server.ranges == [None]
    assert files_below(cache) == ["corpus/text.txt"]
    fetch(here, cache, "", told.append)
    assert len(server.paths) == 1, "a second time needs no network"


def test_downloads_from_a_mirror_address(cache, resource, server):
    fetch(resource, cache, f"{server.url}/base/", lambda line: None)
    assert server.paths == ["/base/corpus/text.txt"]


def test_a_broken_transfer_goes_on_where_it_stopped(cache, resource, server, part, told):
    server.break_after = 70_000
    error = refused(resource, cache, server.url)
    assert error.exit_status == MISSING
    assert str(part) in str(error)
    assert part.stat().st_size == 70_000
    server.break_after = None
    path = fetch(resource, cache, server.url, told.append)
    assert path.read_bytes() == server.contents
    assert server.ranges == [None, "bytes=70000-"]
    assert "resuming" in told[0]
    assert files_below(cache) == ["corpus/text.txt"]


def test_a_server_without_ranges_sends_it_all_again(cache, resource, server, part):
    part.write_bytes(server.contents[:1000])
    server.has_ranges = False
    assert fetch(resource, cache, server.url, lambda line: None).read_bytes() == server.contents


def test_a_whole_part_is_only_checked(cache, resource, server, part):
    part.write_bytes(server.contents)
    assert fetch(resource, cache, server.url, lambda line: None).read_bytes() == server.contents
    assert server.paths == []


def test_a_part_that_is_too_long_is_started_anew(cache, resource, server, part):
    part.write_bytes(server.contents + b"more")
    assert fetch(resource, cache, server.url, lambda line: None).read_bytes() == server.contents
    assert server.ranges == [None]


def test_a_spoilt_part_is_removed(cache, resource, server, part):
    part.write_bytes(b"x" * 1000)
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert files_below(cache) == []


def test_a_file_shorter_than_our_part_is_told(cache, resource, server, part):
    part.write_bytes(server.contents[:1000])
    server.contents = server.contents[:500]
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert "shorter" in str(error)
    assert files_below(cache) == []


@pytest.mark.parametrize(
    "answer", ["bytes 0-199990/199997", "bytes 1000-5/7", "nonsense", "bytes 1000-5000/5001"]
)
def test_a_wrong_range_is_not_appended(cache, resource, server, part, answer):
    part.write_bytes(server.contents[:1000])
    server.content_range = answer
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert answer in str(error)
    assert files_below(cache) == []


def test_a_wrong_length_is_refused_before_the_transfer(cache, resource, server):
    server.contents = b"<html>please log in</html>"
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert f"has 26 bytes, not {resource.size}" in str(error)
    assert files_below(cache) == []


def test_a_longer_file_without_a_length_is_refused(cache, resource, server):
    server.length = None
    server.contents += b"more"
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert "more than" in str(error)
    assert files_below(cache) == []


def test_an_endless_file_is_not_read_to_its_end(cache, resource, server, told, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS_EVERY_S", -1.0)
    server.length = None
    server.contents *= 30
    with pytest.raises(DataError, match="more than"):
        fetch(resource, cache, server.url, told.append)
    assert len(told) < resource.size / download.BLOCK_BYTES + 3


def test_a_wrong_hash_is_refused(cache, resource, server):
    server.contents = b"x" * resource.size
    error = refused(resource, cache, server.url)
    assert error.exit_status == CORRUPT
    assert resource.sha256 in str(error)
    assert files_below(cache) == []


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_an_http_error_is_told_once(cache, resource, server, status):
    server.status = status
    error = refused(resource, cache, server.url)
    assert error.exit_status == MISSING
    assert f"HTTP {status}" in str(error)
    assert "DATA_MIRROR" in str(error)
    assert len(server.paths) == 1, "no retry"
    assert files_below(cache) == []


def test_a_redirection_leads_to_no_file(cache, resource, server):
    server.status, server.location = 302, "file:///etc/hostname"
    error = refused(resource, cache, server.url)
    assert error.exit_status == MISSING
    assert files_below(cache) == []


def test_a_refused_port_is_told(cache, resource):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = refused(resource, cache, address)
    assert error.exit_status == MISSING
    assert "Connection refused" in str(error)


@pytest.mark.parametrize("address", ["http://[::1", "http://exa mple/"])
def test_a_malformed_address_is_told(cache, resource, address):
    assert refused(resource, cache, address).exit_status == MISSING


def test_a_silent_server_is_given_up(cache, resource, monkeypatch):
    monkeypatch.setattr(download, "OPEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        error = refused(resource, cache, f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert time.monotonic() - started < 2
    assert error.exit_status == MISSING
    assert "no answer within 0.2 s" in str(error)
    # The abandoned request ends within its own timeout; let it, before the next test.
    time.sleep(0.5)


def test_a_name_lookup_that_hangs_is_given_up(cache, resource, monkeypatch):
    monkeypatch.setattr(download, "OPEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(0.5) or [])
    error = refused(resource, cache, "http://blackhole.invalid")
    assert "no answer" in str(error)
    time.sleep(0.5)


def test_silence_in_the_middle_keeps_what_came(cache, resource, server, part, monkeypatch):
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.3)
    body = server.contents

    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(
            target=_answer_in_part, args=(listener, body[:70_000], len(body))
        )
        process.start()
        error = refused(resource, cache, f"http://127.0.0.1:{listener.getsockname()[1]}")
        process.kill()
        process.join()
    assert "silence for 0.3 s" in str(error)
    assert part.read_bytes() == body[: part.stat().st_size]
    assert part.stat().st_size >= download.BLOCK_BYTES


def _answer_in_part(listener: socket.socket, body: bytes, length: int) -> None:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    time.sleep(60)


def test_a_killed_download_goes_on(cache, resource, server, part):
    """SIGKILL in the middle leaves a part, and nothing that passes for the file."""
    server.break_after = 70_000
    process = multiprocessing.get_context("fork").Process(
        target=_fetch_and_hang, args=(resource, cache, server.url)
    )
    process.start()
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert files_below(cache) == ["corpus/text.txt.part"]
    server.break_after = None
    assert fetch(resource, cache, server.url, lambda line: None).read_bytes() == server.contents


def _fetch_and_hang(resource: Resource, cache: Path, mirror: str) -> None:
    try:
        fetch(resource, cache, mirror, lambda line: None)
    except DataError:
        time.sleep(60)


def test_progress_is_told_in_long_transfers(cache, resource, server, told, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS_EVERY_S", -1.0)
    fetch(resource, cache, server.url, told.append)
    assert told[-1] == f"{resource.size:,} of {resource.size:,} bytes"


# --- our own disk ---


def test_a_file_in_place_of_the_cache_is_named(tmp_path, resource, server):
    (tmp_path / "data").write_text("in the way")
    error = refused(resource, tmp_path / "data" / "cache", server.url)
    assert error.exit_status == IO
    assert f"{tmp_path / 'data'} is in the way" in str(error)


def test_a_folder_in_place_of_the_file_is_named(cache, resource, server):
    (cache / resource.mirror_path).mkdir(parents=True)
    error = refused(resource, cache, server.url)
    assert error.exit_status == IO
    assert f"{cache / resource.mirror_path} is in the way" in str(error)


def test_a_full_disk_is_told(cache, resource, server, part):
    part.symlink_to("/dev/full")
    error = refused(resource, cache, server.url)
    assert error.exit_status == IO
    assert "No space left" in str(error)
    assert f"{resource.size:,} bytes needed" in str(error)


def test_a_full_disk_while_copying_leaves_nothing(tmp_path, cache, resource, server, part):
    put(tmp_path / "mirror", resource, server.contents)
    part.symlink_to("/dev/full")
    error = refused(resource, cache, str(tmp_path / "mirror"))
    assert error.exit_status == IO
    assert "No space left" in str(error)
    assert not part.is_symlink()


@pytest.mark.parametrize("from_folder", [False, True])
def test_a_small_disk_is_told_before_the_first_byte(
    tmp_path, cache, resource, server, monkeypatch, from_folder
):
    monkeypatch.setattr(download, "free_bytes", lambda path: 10)
    put(tmp_path / "mirror", resource, server.contents)
    error = refused(resource, cache, str(tmp_path / "mirror") if from_folder else server.url)
    assert error.exit_status == IO
    assert "10 free" in str(error)
    assert server.paths == []
