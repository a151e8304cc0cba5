import os
from pathlib import Path

import pytest

from lib.files import expand_home, sha256_file, user_path, write_atomic


def test_writes_and_reports_a_change(tmp_path):
    path = tmp_path / "file"
    assert write_atomic(path, "one")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_unchanged_text_leaves_the_time_stamp_alone(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, "one")
    os.utime(path, ns=(1, 1))
    assert not write_atomic(path, "one")
    assert path.stat().st_mtime_ns == 1


def test_a_failed_rename_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, "old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_symbolic_link_stays_and_its_target_changes(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_sha256_of_a_file_longer_than_a_block(tmp_path):
    path = tmp_path / "zeros"
    path.write_bytes(bytes((1 << 20) + 1))
    assert sha256_file(path) == "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264"


@pytest.mark.parametrize("text", ["a//b", "./~/x", "/x/~", "", "https://x/y~", "$HOME/x", "a b/"])
def test_a_path_without_a_home_folder_stays_as_it_was_written(text):
    assert expand_home(text) == text
    assert user_path(text) == Path(text)


def test_home_folders_of_people(monkeypatch):
    monkeypatch.setenv("HOME", "/home of/me")
    assert user_path("~/x y") == Path("/home of/me/x y")
    assert expand_home("~") == "/home of/me"
    assert expand_home("~root/x").endswith("/x")
    assert not expand_home("~root/x").startswith("~")
    with pytest.raises(ValueError, match="~no-body/x: there is no home folder ~no-body here"):
        user_path("~no-body/x")
