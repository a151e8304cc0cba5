import hashlib
import zipfile
from dataclasses import replace

import pytest

from gpt2.datasets import open_dataset, prepare, pystdlib
from gpt2.datasets.corpus import Request
from gpt2.datasets.errors import CORRUPT, IO, DataError
from gpt2.datasets.pystdlib import ARCHIVE, LICENSE, PyStdlib, modules


@pytest.fixture
def request_of(tmp_path):
    return Request("pystdlib", tmp_path, "", None, None)


def test_the_text_is_the_pinned_one_whatever_the_interpreter(request_of):
    material = PyStdlib().load(request_of, lambda line: None)
    text = "".join(material.pieces).encode()
    # Computed with unzip -p and sha256sum.
    digest = "8ab2ee7375c5cb3396c4a46575e1bd717a1e8c1df13c278198cdc0839e0c1544"
    assert len(text) == 6_482_940
    assert hashlib.sha256(text).hexdigest() == digest
    assert len(material.pieces) == material.source["files"] == 355
    assert material.tokenizer.info.name == "bytes"


def test_a_small_model_has_an_epoch_of_five_million_tokens(tmp_path, request_of):
    prepare("pystdlib", tmp_path, "", None, None, lambda line: None)
    dataset = open_dataset(tmp_path / "pystdlib")
    assert len(dataset.train) == PyStdlib().forecast(request_of).train_tokens >= 5_000_000
    assert 150_000 < len(dataset.validation) < 250_000
    # Of the prepared data: what the quickstart of every machine trains on.
    assert dataset.manifest.hash[:16] == "29f291fea3a6b526"


def test_the_archive_holds_whole_modules_and_the_licence():
    names = [name for name, _ in modules(ARCHIVE)]
    assert names == sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    assert all(name.endswith(".py") for name in names)
    with zipfile.ZipFile(ARCHIVE) as archive:
        assert b"PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in archive.read(LICENSE)


def test_another_text_is_refused(tmp_path, request_of, monkeypatch):
    other = tmp_path / "pystdlib.zip"
    with zipfile.ZipFile(ARCHIVE) as archive, zipfile.ZipFile(other, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(b"import os\n", b"import os\r\n"))
    monkeypatch.setattr(pystdlib, "modules", lambda archive: modules(other))
    with pytest.raises(DataError, match="not the archive of this version.*git checkout") as caught:
        PyStdlib().load(request_of, lambda line: None)
    assert caught.value.exit_status == CORRUPT


def test_a_damaged_and_a_missing_archive_are_named(tmp_path):
    cut = tmp_path / "pystdlib.zip"
    cut.write_bytes(ARCHIVE.read_bytes()[:-1000])
    with pytest.raises(DataError, match="not the archive of this version"):
        modules(cut)
    cut.unlink()
    with pytest.raises(DataError, match="pystdlib.zip: No such file") as caught:
        modules(cut)
    assert caught.value.exit_status == IO


def test_a_folder_that_an_earlier_version_prepared_is_refused(request_of):
    manifest = prepare("pystdlib", request_of.data_dir, "", None, None, lambda line: None)
    of_before = replace(manifest, source={"python": "3.11.2", "sha256": "0" * 64})
    PyStdlib().check(manifest, request_of, lambda line: None)
    with pytest.raises(DataError, match="library of Python 3.11.2.*Delete the folder") as caught:
        PyStdlib().check(of_before, request_of, lambda line: None)
    assert caught.value.exit_status == CORRUPT
