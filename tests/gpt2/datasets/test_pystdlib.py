import platform
import sysconfig

import pytest

from gpt2.datasets.corpus import Request
from gpt2.datasets.errors import IO, MISSING, DataError
from gpt2.datasets.pystdlib import MAX_BYTES, PyStdlib, select


@pytest.fixture
def request_of(tmp_path):
    return Request("pystdlib", tmp_path, "", None, None)


def test_the_running_library_is_enough_text(request_of):
    material = PyStdlib().load(request_of, lambda line: None)
    size = sum(len(piece.encode()) for piece in material.pieces)
    assert 0.8 * MAX_BYTES < size <= MAX_BYTES
    assert len(material.pieces) == material.source["files"] > 30
    assert material.source["python"] == platform.python_version()
    assert material.tokenizer.info.name == "bytes"
    again = PyStdlib().load(request_of, lambda line: None)
    assert again.source == material.source
    assert again.pieces == material.pieces


def test_the_order_is_mixed_and_fixed(tmp_path):
    for name in "abcdefgh":
        (tmp_path / f"{name}.py").write_text(name)
    order = [name for name, _ in select(tmp_path)]
    # By SHA-256 of the names, computed with sha256sum.
    assert order == ["e.py", "g.py", "d.py", "b.py", "h.py", "c.py", "f.py", "a.py"]


def test_only_whole_modules_up_to_the_limit(tmp_path):
    for name in "abcdefgh":
        (tmp_path / f"{name}.py").write_text("x" * 10)
    assert len(select(tmp_path, max_bytes=35)) == 3
    assert len(select(tmp_path, max_bytes=30)) == 3
    assert len(select(tmp_path, max_bytes=80)) == 8


def test_other_files_and_folders_are_left_out(tmp_path):
    (tmp_path / "module.py").write_text("text")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9")
    (tmp_path / "data.txt").write_text("text")
    (tmp_path / "package.py").mkdir()
    assert select(tmp_path) == [("module.py", "text")]


def test_a_library_without_sources_is_told(tmp_path, request_of, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(DataError, match="no Python sources") as caught:
        PyStdlib().load(request_of, lambda line: None)
    assert caught.value.exit_status == MISSING


def test_an_unreadable_module_is_named(tmp_path, monkeypatch):
    (tmp_path / "module.py").write_text("text")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "read_bytes", refuse)
    with pytest.raises(DataError, match="module.py: Permission denied") as caught:
        select(tmp_path)
    assert caught.value.exit_status == IO
