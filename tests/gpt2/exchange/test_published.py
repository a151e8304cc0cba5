"""The four names: pinned, from the hub, from a mirror, from the cache, or a sentence."""

import hashlib
import json
import re
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpt2.datasets.errors import DataError
from gpt2.exchange import fit, initial, published
from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.published import PUBLISHED, Published, fetch_published
from gpt2.exchange.write import write_export
from gpt2.shape import shape_of
from tests.gpt2.exchange.models import made, same_bits

CONTENTS = b"weights " * 20_000
SHA256 = hashlib.sha256(CONTENTS).hexdigest()
REVISION = "f" * 40


@pytest.fixture
def pinned(monkeypatch):
    """gpt2 is CONTENTS; gpt2-large is too, with nothing known of it before."""
    entry = Published("owner/small", REVISION, len(CONTENTS), SHA256)
    monkeypatch.setitem(PUBLISHED, "gpt2", entry)
    monkeypatch.setitem(PUBLISHED, "gpt2-large", Published("owner/large", REVISION))
    monkeypatch.setitem(PUBLISHED, "gpt2-xl", Published("owner/xl", REVISION, sha256=SHA256))


@pytest.fixture
def settings(one_run, tmp_path, monkeypatch):
    """settings(mirror): with a cache of its own."""
    monkeypatch.delenv("DATA_MIRROR", raising=False)
    return lambda mirror="": one_run() | {"DATA_DIR": str(tmp_path / "data"), "DATA_MIRROR": mirror}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder that is served as the Hugging Face Hub; `asked` has the paths."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    root, asked = tmp_path / "hub", []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    yield root, asked
    server.shutdown()
    server.server_close()
    thread.join()


def put(path: Path, contents: bytes = CONTENTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


def refused(call, status, *parts):
    with pytest.raises(DataError) as caught:
        call()
    assert caught.value.exit_status == status
    for part in parts:
        assert part in str(caught.value)


def test_what_is_pinned_is_pinned():
    assert set(PUBLISHED) == set(fit.NAMED_SIZES)
    for name, entry in PUBLISHED.items():
        assert entry.repository == f"openai-community/{name}"
        assert re.fullmatch("[0-9a-f]{40}", entry.revision)
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)


def test_from_the_hub_once(pinned, hub, settings, tmp_path):
    root, asked = hub
    put(root / f"owner/small/resolve/{REVISION}/model.safetensors")
    path, sha256 = fetch_published("gpt2", settings(), print)
    assert path == tmp_path / "data/cache/owner/small/model.safetensors"
    assert (path.read_bytes(), sha256) == (CONTENTS, SHA256)
    assert len(asked) == 1
    assert fetch_published("gpt2", settings(), print) == (path, SHA256)
    assert len(asked) == 1


def test_the_hub_says_what_is_not_pinned(pinned, hub, settings, tmp_path):
    root, asked = hub
    put(root / f"owner/large/resolve/{REVISION}/model.safetensors")
    listing = [
        {"type": "directory", "path": "onnx", "oid": "1"},
        {"type": "file", "path": "config.json", "size": 3, "oid": "2"},
        {
            "type": "file",
            "path": "model.safetensors",
            "lfs": {"oid": SHA256, "size": len(CONTENTS)},
        },
    ]
    listed = put(root / f"api/models/owner/large/tree/{REVISION}", json.dumps(listing).encode())
    assert fetch_published("gpt2-large", settings(), print)[1] == SHA256
    listing[2]["lfs"]["oid"] = "0" * 64
    listed.write_text(json.dumps(listing))
    (tmp_path / "data/cache/owner/large/model.safetensors").unlink()
    refused(lambda: fetch_published("gpt2-large", settings(), print), 65, "not the SHA-256 0000")
    listed.write_text(json.dumps(listing[:2]))
    refused(
        lambda: fetch_published("gpt2-large", settings(), print), 65, "has no model.safetensors"
    )


def test_of_a_mirror_that_is_a_folder_nothing_is_copied(pinned, settings, tmp_path):
    mirror = tmp_path / "mirror"
    file = put(mirror / "owner/small/model.safetensors")
    assert fetch_published("gpt2", settings(str(mirror)), print) == (file, SHA256)
    assert not (tmp_path / "data/cache/owner").exists()
    file.write_bytes(CONTENTS[:-1] + b"!")
    refused(lambda: fetch_published("gpt2", settings(str(mirror)), print), 65, "not the SHA-256")


def test_what_is_not_pinned_needs_the_sums_of_the_mirror(pinned, settings, tmp_path):
    mirror = tmp_path / "mirror"
    file = put(mirror / "owner/large/model.safetensors")
    refused(
        lambda: fetch_published("gpt2-large", settings(str(mirror)), print),
        66,
        "has no owner/large/SHA256SUMS",
        "find . -name 'model.safetensors' -exec sha256sum",
    )
    put(mirror / "owner/large/SHA256SUMS", f"{SHA256}  ./model.safetensors\n".encode())
    assert fetch_published("gpt2-large", settings(str(mirror)), print) == (file, SHA256)
    # Its digest is pinned, its size is not.
    file = put(mirror / "owner/xl/model.safetensors")
    assert fetch_published("gpt2-xl", settings(str(mirror)), print) == (file, SHA256)


def test_from_a_mirror_that_is_an_address(pinned, hub, settings, tmp_path, monkeypatch):
    import os

    address = os.environ["HF_ENDPOINT"]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    root, _ = hub
    for name in ("small", "xl"):
        put(root / f"owner/{name}/model.safetensors")
    assert fetch_published("gpt2", settings(address), print)[1] == SHA256
    assert fetch_published("gpt2-xl", settings(address), print)[1] == SHA256


def test_without_a_network_it_says_what_to_put_where(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    place = "openai-community/gpt2/model.safetensors"
    refused(
        lambda: fetch_published("gpt2", settings(), print),
        66,
        "Cannot fetch http://127.0.0.1:9/openai-community/gpt2/resolve/607a30d783df",
        "set DATA_MIRROR to a folder",
        place,
        "INIT_FROM=/path/to/gpt2",
    )
    refused(
        lambda: fetch_published("gpt2", settings(str(tmp_path)), print), 66, f"has no file {place}"
    )


def test_other_tokens_are_refused_before_anything_is_fetched(planned, monkeypatch):
    monkeypatch.setattr(initial, "fetch_published", None)
    for kind in ("bytes", "char"):
        made_here = planned(kind, INIT_FROM="gpt2-xl")
        with pytest.raises(ExchangeError, match=f"tokens of the kind {kind}. Choose a dataset in"):
            initial.initial_weights(made_here.settings, made_here.manifest, print)


def test_the_named_model_fits_without_a_config_json(planned, merges_mirror, tmp_path, monkeypatch):
    """The names of the published file, the sizes of the name, and GPT-2's tokens."""
    from safetensors.torch import load_file, save_file

    monkeypatch.setitem(fit.NAMED_SIZES, "gpt2", (1, 2, 8))
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "tiktoken").symlink_to(Path(merges_mirror) / "tiktoken")
    sizes = {"MODEL": "custom", "N_LAYER": 1, "N_HEAD": 2, "N_EMBD": 8, "VOCAB_MULTIPLE": 1}
    here = planned("gpt2", mirror=str(mirror), INIT_FROM="gpt2", BLOCK_SIZE=16, **sizes)
    shape = shape_of(here.settings, here.manifest.vocab_size)
    theirs = made(replace(shape, block_size=published.POSITIONS))
    write_export(tmp_path / "out", theirs, None, {})
    tensors = load_file(tmp_path / "out/model.safetensors")
    file = mirror / "openai-community/gpt2/model.safetensors"
    file.parent.mkdir(parents=True)
    save_file({n.removeprefix("transformer."): tensor for n, tensor in tensors.items()}, file)
    contents = file.read_bytes()
    digest = hashlib.sha256(contents).hexdigest()
    entry = Published("openai-community/gpt2", REVISION, len(contents), digest)
    monkeypatch.setitem(PUBLISHED, "gpt2", entry)
    found = initial.initial_weights(here.settings, here.manifest, print)
    assert found.described() == {
        "source": "gpt2",
        "sha256": digest,
        "files": {"model.safetensors": digest},
    }
    model = made(shape, seed=3)
    found(model)
    theirs.position_embedding.weight.data = theirs.position_embedding.weight.data[:16]
    assert same_bits(model, theirs)
