import json
import shutil
import subprocess
import tomllib
from types import SimpleNamespace

import pytest
import torch

from lib.cli import ROOT
from lib.device import Device, processor
from lib.gpu import GpuFacts
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


def test_details_explain_without_being_another_machine(monkeypatch):
    first = hardware(processor())
    assert set(first["details"]) == {"host_memory_bytes", "cpu_instructions", "cpu_bfloat16"}
    monkeypatch.setattr("lib.provenance.host_memory_bytes", lambda: None)
    second = hardware(processor())
    assert second["details"] != first["details"]
    assert second["fingerprint"] == first["fingerprint"]


@pytest.mark.parametrize(("hip", "architecture"), [(None, "9.0"), ("7.2", "gfx942")])
def test_a_gpu_s_details_name_driver_runtime_and_limits(monkeypatch, hip, architecture):
    properties = SimpleNamespace(major=9, minor=0, multi_processor_count=132, gcnArchName="gfx942")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", {3: properties}.__getitem__)
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.version, "cuda", None if hip else "13.0")
    told = GpuFacts(driver="580.82.07", power_limit_w=700.0, max_clock_mhz=1980)
    monitor = SimpleNamespace(facts=lambda: told)
    monkeypatch.setattr("lib.provenance.open_monitor", lambda device: monitor)
    found = hardware(Device("rocm" if hip else "cuda", "a GPU", 80 << 30, 1))
    details = found["details"]
    assert details["capability"] == architecture
    assert details["runtime_version"] == (hip or "13.0")
    assert details["multiprocessors"] == 132
    assert (details["driver"], details["power_limit_w"]) == ("580.82.07", 700.0)
    json.dumps(found)
