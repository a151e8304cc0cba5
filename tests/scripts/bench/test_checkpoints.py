"""What saving costs: the lines, and a smallest measurement."""

import pytest
import torch

from scripts.bench import checkpoints
from scripts.bench.checkpoints import Saves, describe, file_system, tensors_of


def test_known_answers():
    ours = Saves([0.1] * 10, [2.0] * 10, 3 << 20, 4 << 20, [0.5, 0.7, 0.6])
    plain = Saves([1.0] * 10, [1.0] * 10, 3 << 20)
    found = {line.what: line for line in describe("m", ours, plain, [0.4, 0.5, 0.3])}
    wait = found["wait of the training for a save, s"]
    assert (wait.ours, wait.plain, wait.verdict) == ("0.100", "1.000", "reached")
    assert wait.ratio.median == pytest.approx(0.1)
    assert found["until the file is written, and ours is verified, s"].ratio.median == 2.0
    assert found["a step while a save is under way, s"].ours == "0.600"
    assert found["a step alone, s"].ours == "0.400"
    slow = list(describe("m", Saves([0.6] * 10, [2.0] * 10, 1, 1, [0.5]), plain, [0.4]))
    assert slow[0].verdict == "missed"


def test_a_tied_tensor_is_counted_once():
    weight = torch.ones(4)
    state = {"a": weight, "b": [weight.detach(), (torch.ones(2), 3, None)], "c": "text"}
    assert [each.numel() for each in tensors_of(state)] == [4, 2]


def test_the_file_system_is_the_nearest_mount(monkeypatch, tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n/dev/b {tmp_path} xfs rw 0 0\n"
    )
    monkeypatch.setattr(checkpoints, "MOUNTS", mounts)
    assert file_system(tmp_path / "x") == "xfs (/dev/b)"
    mounts.write_text("/dev/a / ext4 rw 0 0\n/dev/c /elsewhere xfs rw 0 0\n")
    assert file_system(tmp_path) == "ext4 (/dev/a)"
    mounts.unlink()
    assert file_system(tmp_path) == "a file system of unknown kind"


def test_a_smallest_measurement(context):
    section = checkpoints.measure(context(CPU_THREADS=1))
    by_name = {finding.what: finding for finding in section.findings}
    file = by_name["file, MiB"]
    assert float(file.ours) == pytest.approx(float(file.plain), rel=0.1)
    assert by_name["wait of the training for a save, s"].ratio is not None


def test_a_full_disk_is_said_before_anything_is_saved(context, monkeypatch):
    monkeypatch.setattr(checkpoints, "NEEDED_COPIES", 1e15)
    section = checkpoints.measure(context(CPU_THREADS=1))
    assert list(section.findings) == []
    assert "Name a larger disk in TMPDIR" in section.notes[0]
