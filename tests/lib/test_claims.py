import os
import signal
import subprocess
import sys

import pytest

from lib.claims import Held, claim, is_held, read_holder
from lib.cli import ROOT

HOLD = """
import sys, time
from pathlib import Path
from lib.claims import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A second process that holds tmp_path."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout.readline() == b"held\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_the_second_is_told_who_holds_what(tmp_path, holder):
    assert is_held(tmp_path)
    with pytest.raises(Held, match=f"{tmp_path} is held by process {holder.pid}") as caught:
        claim(tmp_path).__enter__()
    assert caught.value.exit_status == 75


def test_a_lock_dies_with_its_process(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not is_held(tmp_path)
    with claim(tmp_path):
        assert read_holder(tmp_path)["pid"] == str(os.getpid())


def test_it_is_free_again_after_the_block(tmp_path):
    with claim(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with claim(tmp_path):
        pass


def test_an_unreadable_holder_is_not_an_error(tmp_path):
    (tmp_path / "lock").write_text("{torn")
    assert read_holder(tmp_path) == {}
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "nowhere")


@pytest.fixture
def group():
    """The umask of people who share their files."""
    before = os.umask(0o002)
    yield
    os.umask(before)


def test_the_lock_is_as_open_as_the_umask_lets_it_be(tmp_path, group):
    with claim(tmp_path):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o664


def test_a_lock_that_another_user_made_can_be_held(tmp_path, monkeypatch):
    """Of an earlier version: everybody may read it, and only that user write it."""
    (tmp_path / "lock").write_text("theirs")
    opened, real = [], os.open

    def as_another_user(path, flags, *mode):
        if flags & os.O_RDWR and str(path).endswith("lock"):
            raise PermissionError(13, "Permission denied", str(path))
        opened.append(flags)
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", as_another_user)
    with claim(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(Held):
            claim(tmp_path).__enter__()
    assert not is_held(tmp_path)
    assert (tmp_path / "lock").read_text() == "theirs"
