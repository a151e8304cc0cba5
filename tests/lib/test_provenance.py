import shutil
import subprocess
import tomllib

from lib.cli import ROOT
from lib.device import processor
from lib.provenance import git_state, hardware, versions


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_a_clean_and_a_dirty_tree(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    clean = git_state(tmp_path)
    assert len(clean["sha"]) == 40
    assert (clean["dirty"], clean["diff_hash"]) == (False, None)
    (tmp_path / "file").write_text("two\n")
    dirty = git_state(tmp_path)
    assert dirty["sha"] == clean["sha"]
    assert dirty["dirty"]
    (tmp_path / "file").write_text("three\n")
    assert git_state(tmp_path)["diff_hash"] != dirty["diff_hash"]


def test_no_repository_and_no_git_are_unknown_not_an_error(tmp_path, monkeypatch):
    unknown = {"sha": None, "dirty": None, "diff_hash": None}
    assert git_state(tmp_path) == unknown
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    assert git_state(tmp_path) == unknown


def test_the_fingerprint_is_stable_and_sees_the_hardware(monkeypatch):
    first = hardware(processor())
    assert hardware(processor()) == first
    assert len(first["fingerprint"]) == 12
    monkeypatch.setattr("lib.provenance.cpu_model", lambda: "another processor")
    assert hardware(processor())["fingerprint"] != first["fingerprint"]


def test_versions_name_what_can_change_a_result():
    assert set(versions()) == {"bitterbench", "python", "torch", "numpy", "tiktoken", "kconfiglib"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions()["bitterbench"] == project["version"]
    assert versions()["torch"].startswith("2.")
