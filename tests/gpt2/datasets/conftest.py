"""Fixtures: the mirror of real files where there is one, small made-up files, a local server."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpt2.datasets.download import Resource, fetch
from gpt2.datasets.tokenizers import GPT2_MERGES, GPT2Tokenizer


@pytest.fixture(scope="session")
def gpt2(real_mirror: str, tmp_path_factory: pytest.TempPathFactory) -> GPT2Tokenizer:
    cache = tmp_path_factory.mktemp("cache")
    return GPT2Tokenizer(fetch(GPT2_MERGES, cache, real_mirror, lambda line: None))


@pytest.fixture
def resource() -> Resource:
    """A file of some 200,000 bytes, which takes more than one read."""
    return resource_of(CONTENTS)


CONTENTS = b"".join(b"%06d " % number for number in range(200_000 // 7))


def resource_of(contents: bytes, url: str = "http://127.0.0.1:9/none") -> Resource:
    digest = hashlib.sha256(contents).hexdigest()
    return Resource(url, len(contents), digest, "corpus/text.txt")


@dataclass
class Server:
    """What the local server does with the next requests, and what it was asked."""

    contents: bytes = CONTENTS
    status: int = 200
    has_ranges: bool = True
    # Overrides the header Content-Length; None leaves it out.
    length: str | None = "true"
    # Overrides the header Content-Range.
    content_range: str | None = None
    # Closes the connection after that many bytes of the body.
    break_after: int | None = None
    location: str | None = None
    url: str = ""
    paths: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on the loopback device whose one file is at every path."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.paths.append(self.path)
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            body, status = state.contents, state.status
            if asked and state.has_ranges and start >= len(body):
                status, body = 416, b""
            elif asked and state.has_ranges:
                status, body = 206, body[start:]
            self.send_response(status)
            if state.length is not None:
                self.send_header(
                    "Content-Length", str(len(body)) if state.length == "true" else state.length
                )
            if status == 206:
                actual = f"bytes {start}-{len(state.contents) - 1}/{len(state.contents)}"
                self.send_header("Content-Range", state.content_range or actual)
            if state.location is not None:
                self.send_header("Location", state.location)
            self.end_headers()
            self.wfile.write(body[: state.break_after])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_address[1]}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def told() -> list[str]:
    """Lines of progress, in order; pass its `append`."""
    return []


@pytest.fixture
def write_text(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    """Writes a file below the test's folder."""

    def write(name: str, contents: bytes | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return path

    return write
