import fcntl
import os

import pytest

from lib.checkpoint import files


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-000600.pt", 600),
        ("step-1234567.pt", 1234567),
        ("step-600.pt", None),
        ("step-0001234567.pt", None),
        (".step-000600.pt.tmp-12", None),
        ("step-000600.pt.bad", None),
        ("step-000600.pt.superseded", None),
        ("final.pt", None),
        ("step-00060\N{ARABIC-INDIC DIGIT ZERO}.pt", None),
    ],
)
def test_the_step_is_in_the_name(name, step):
    assert files.step_of(name) == step
    assert step is None or files.step_name(step) == name


def test_a_scan_takes_regular_files_newest_first(tmp_path):
    for step in (5, 1_000_000, 70):
        (tmp_path / files.step_name(step)).touch()
    (tmp_path / "step-000090.pt").mkdir()
    (tmp_path / "step-000095.pt").symlink_to("step-000005.pt")
    assert list(files.step_files(tmp_path)) == [1_000_000, 70, 5]
    assert files.step_files(tmp_path / "nowhere") == {}


def test_a_file_that_is_set_aside_replaces_none(tmp_path):
    path = tmp_path / "step-000001.pt"
    for number in range(3):
        path.write_text(str(number))
        files.set_aside(path)
    bad = files.bad_files(tmp_path)
    assert [p.name for p in bad] == [f"{path.name}.bad", f"{path.name}.bad-2", f"{path.name}.bad-3"]
    assert [p.read_text() for p in bad] == ["0", "1", "2"]


def test_a_sweep_takes_what_nobody_is_writing(tmp_path):
    dead = tmp_path / f".step-000001.pt.tmp-{os.getpid()}"
    living = tmp_path / ".step-000002.pt.tmp-99999999999"
    others = [tmp_path / name for name in ("step-000001.pt", "step-000001.pt.bad", "notes.tmp-1")]
    for path in (dead, living, *others):
        path.touch()
    (tmp_path / ".latest.pt.tmp-1").symlink_to("nowhere")
    with open(living, "wb") as file:
        files.lock_while_writing(file)
        removed = files.sweep(tmp_path)
        # A process number proves nothing, neither way: the first is our own, the second nobody's.
        assert sorted(path.name for path in removed) == [".latest.pt.tmp-1", dead.name]
    assert {path.name for path in tmp_path.iterdir()} == {p.name for p in (living, *others)}
    assert files.sweep(tmp_path) == [living]


@pytest.mark.parametrize(("process", "is_removed"), [(1, False), (2**22 + 1, True)])
def test_without_locks_the_process_number_decides(tmp_path, monkeypatch, process, is_removed):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    path = tmp_path / f".step-000001.pt.tmp-{process}"
    path.touch()
    with open(path, "r+b") as file:
        files.lock_while_writing(file)
    assert files.sweep(tmp_path) == [path] * is_removed


def test_links_are_relative_and_replaced_whole(tmp_path):
    for target in ("step-000001.pt", "step-000002.pt"):
        (tmp_path / target).write_text(target)
        files.point_links(tmp_path, {"latest.pt": target, "epoch-0001.pt": "step-000001.pt"})
        assert os.readlink(tmp_path / "latest.pt") == target
        assert (tmp_path / "latest.pt").read_text() == target
    files.point_links(tmp_path, {"best.pt": "step-000001.pt"})
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink()) == ["best.pt"]


def test_a_broken_link_is_mended_and_a_file_of_that_name_is_left(tmp_path):
    (tmp_path / "latest.pt").symlink_to("gone.pt")
    (tmp_path / "best.pt").write_text("weights of a run that is done")
    (tmp_path / "step-000001.pt").touch()
    wanted = dict.fromkeys(("latest.pt", "best.pt"), "step-000001.pt")
    files.point_links(tmp_path, wanted)
    assert os.readlink(tmp_path / "latest.pt") == "step-000001.pt"
    assert (tmp_path / "best.pt").read_text() == "weights of a run that is done"
    files.point_links(tmp_path, {})
    assert (tmp_path / "best.pt").exists()


def test_a_file_system_without_links_stops_nothing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    files.point_links(tmp_path, {"latest.pt": "step-000001.pt"})
    assert list(tmp_path.iterdir()) == []
