import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

import lib.checkpoint.save as module
from lib.checkpoint import NotWritten
from lib.checkpoint.archive import read_checked
from lib.checkpoint.save import check_space, needed_bytes, write_checked
from tests.lib.checkpoint.states import equal, make_state

OLD, NEW = make_state(1), make_state(2)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "step-000002.pt"
    write_checked(path, OLD, 0)
    return path


def failure(*arguments):
    """What write_checked raises for them; None if it does not."""
    try:
        write_checked(*arguments)
    except BaseException as error:
        return error
    return None


def is_untouched(path):
    return [p.name for p in path.parent.iterdir()] == [path.name] and equal(read_checked(path), OLD)


def test_a_file_is_replaced_whole(path):
    written = write_checked(path, NEW, 0)
    assert equal(read_checked(path), NEW)
    assert written.bytes == path.stat().st_size
    assert written.write_s > 0
    assert written.verify_s > 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_order_of_the_protocol(path, monkeypatch):
    """To the disk, compared, renamed, and the rename to the disk: in no other order."""
    events = []

    def watch(module, name, describe):
        original = getattr(module, name)

        def watched(*arguments):
            events.append(describe(*arguments))
            return original(*arguments)

        monkeypatch.setattr(module, name, watched)

    def opened(descriptor):
        return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))

    temporary = f".{path.name}.tmp-{os.getpid()}"
    watch(os, "fsync", lambda descriptor: ("fsync", opened(descriptor)))
    watch(os, "replace", lambda source, target: ("replace", source.name, target.name))
    watch(torch, "save", lambda state, file: ("save", Path(file._file.name).name))
    watch(module, "check_whole", lambda checked: ("check", checked.name))
    write_checked(path, NEW, 0)
    assert events == [
        ("save", temporary),
        ("fsync", temporary),
        ("check", temporary),
        ("replace", temporary, path.name),
        ("fsync", path.parent.name),
    ]


@pytest.mark.parametrize("bad", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_an_error_of_the_disk_becomes_one_sentence_and_leaves_nothing(
    path, monkeypatch, bad, number
):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    if bad == "write":
        fail_after(monkeypatch, 3000, fail)
    else:
        monkeypatch.setattr(os, bad, fail)
    error = failure(path, NEW, 3 << 20)
    monkeypatch.undo()
    assert type(error) is NotWritten
    assert error.exit_status == 74
    sentence = str(error)
    assert str(path) in sentence
    assert os.strerror(number) in sentence
    assert "needs 3 MiB" in sentence
    assert "are free" in sentence
    assert "unexpected pos" not in sentence
    assert is_untouched(path)


def fail_after(monkeypatch, limit, fail):
    """Let the file take so many bytes, the last of them in a short write, and then no more."""

    class Filling:
        def __init__(self, file):
            self.file, self.taken = file, 0

        def write(self, data):
            if self.taken == limit:
                fail()
            written = self.file.write(data[: limit - self.taken])
            self.taken += written
            return written

    original = module._Sink

    def sink(file):
        made = original(file)
        made._file = Filling(file)
        return made

    monkeypatch.setattr(module, "_Sink", sink)


def test_short_writes_are_continued(path, monkeypatch):
    class Hesitant:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            return self.file.write(data[:100])

    original = module._Sink
    monkeypatch.setattr(module, "_Sink", lambda file: original(Hesitant(file)))
    assert failure(path, NEW, 0) is None
    assert equal(read_checked(path), NEW)


def test_a_disk_that_gives_back_other_bytes_is_noticed_before_the_rename(path, monkeypatch):
    """One bit of a weight."""
    write_checked(path, NEW, 0)
    place = path.read_bytes().index(NEW["model"]["embedding"].numpy().tobytes())
    write_checked(path, OLD, 0)
    original = os.fsync

    def rot(descriptor):
        original(descriptor)
        if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
            with open(f"/proc/self/fd/{descriptor}", "r+b") as file:
                file.seek(place + 500)
                byte = file.read(1)[0]
                os.pwrite(descriptor, bytes([byte ^ 1]), place + 500)

    monkeypatch.setattr(os, "fsync", rot)
    error = failure(path, NEW, 0)
    assert type(error) is NotWritten
    assert "other bytes than were written" in str(error)
    assert is_untouched(path)


def test_ctrl_c_in_the_middle_leaves_nothing(path, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    fail_after(monkeypatch, 2000, interrupt)
    assert type(failure(path, NEW, 0)) is KeyboardInterrupt
    assert is_untouched(path)


def test_a_rename_replaces_a_link_and_not_what_it_leads_to(path):
    best = path.with_name("best.pt")
    best.symlink_to(path.name)
    write_checked(best, NEW, 0)
    assert not best.is_symlink()
    assert equal(read_checked(path), OLD)


def test_what_is_no_state_is_a_defect_of_the_caller(path):
    with pytest.raises(TypeError, match="it has no step"):
        write_checked(path, {"schema": 1, "kind": "training"}, 0)
    assert is_untouched(path)


def test_space_is_asked_for_before_anything_is_written(path, monkeypatch):
    assert needed_bytes(1000, 0) == 1100
    assert needed_bytes(1000, 2000) == 2200
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**10, 0, 5 << 20))
    check_space(path, 5 << 20)
    with pytest.raises(NotWritten) as raised:
        check_space(path, (5 << 20) + 1)
    assert "No space left on device" in str(raised.value)
    assert "5 MiB are free" in str(raised.value)


@pytest.mark.parametrize("name", ["with space", "\N{GREEK SMALL LETTER OMEGA}", "n" * 200])
def test_folders_of_any_name(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    path = folder / "step-000001.pt"
    write_checked(path, OLD, 0)
    assert equal(read_checked(path), OLD)
