"""A mirror that is a folder, a server of its files, and a stand-in of the Hub."""

import hashlib
import json
import shutil
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gpt2.datasets.tokenizers import GPT2_MERGES
from tests.gpt2.datasets.hub.corpus import prepared, write_repository, write_sums


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
