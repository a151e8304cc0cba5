"""Claims on a file system that has no locks."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from lib import lease
from lib.claims import Held, claim, is_held
from lib.cli import ROOT

WITHOUT_LOCKS = """
import errno, fcntl, os, sys, time
from pathlib import Path
def flock(descriptor, operation):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fcntl.flock = flock
from lib.claims import claim
"""
HOLD = f"""{WITHOUT_LOCKS}
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
# Each adds one to a number in a file, which only works one after another.
COUNT = f"""{WITHOUT_LOCKS}
folder = Path(sys.argv[1])
for _ in range(20):
    with claim(folder, wait=True):
        number = int((folder / "number").read_text())
        time.sleep(0.001)
        (folder / "number").write_text(str(number + 1))
"""


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def no_locks(request, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    # Set, so that it is taken back after the test.
    monkeypatch.setenv("BITTERBENCH_SAID_NO_LOCKS", "")
    monkeypatch.delenv("BITTERBENCH_SAID_NO_LOCKS")


@pytest.fixture
def started():
    """started(code, folder): a process without locks; killed at the end."""
    children = []

    def start(code, folder):
        environment = os.environ | {"BITTERBENCH_SAID_NO_LOCKS": "1"}
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def test_it_is_said_once_and_held_as_by_a_lock(tmp_path, no_locks, capsys):
    for name in ("one", "two"):
        with claim(tmp_path / name):
            assert is_held(tmp_path / name)
            with pytest.raises(Held, match=f"process {os.getpid()} on .* remove .*{name}/lease"):
                claim(tmp_path / name).__enter__()
        assert not is_held(tmp_path / name)
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["lock"]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith(f"note: {tmp_path / 'one'} is on a file system without locks (")


def test_another_error_is_no_lack_of_locks(tmp_path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        claim(tmp_path).__enter__()


def test_a_lease_of_a_killed_process_is_taken_over(tmp_path, started, no_locks):
    child = started(HOLD, tmp_path)
    assert child.stdout.readline() == b"held\n"
    assert is_held(tmp_path)
    with pytest.raises(Held, match=f"process {child.pid} "):
        claim(tmp_path).__enter__()
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    # Dead, and its parent has not asked for its end yet.
    assert not is_held(tmp_path)
    with claim(tmp_path):
        assert is_held(tmp_path)


def ours(**changes):
    people = {"since": "now", "command": "make"}
    return json.dumps(people | lease._identity(os.getpid()) | changes)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (ours(), True),
        (ours(started="1"), False),
        (ours(boot="before", started="1"), False),
        # What cannot be known from here.
        (ours(host="elsewhere", boot="other", started="1"), True),
        (ours(namespace="pid:[1]", started="1"), True),
        ("", True),
        ("[]", True),
        ("{}", True),
    ],
)
def test_who_may_still_live(tmp_path, no_locks, text, counts):
    (tmp_path / "lock").touch()
    (tmp_path / "lease").write_text(text)
    assert is_held(tmp_path) == counts
    if counts:
        with pytest.raises(Held, match="If it is gone, remove"):
            claim(tmp_path).__enter__()
        assert (tmp_path / "lease").read_text() == text
    else:
        with claim(tmp_path):
            pass


def test_a_lease_of_a_machine_without_locks_counts_where_there_are_some(tmp_path):
    (tmp_path / "lock").touch()
    (tmp_path / "lease").write_text(ours(host="elsewhere"))
    assert is_held(tmp_path)
    with pytest.raises(Held, match="on elsewhere since now"):
        claim(tmp_path).__enter__()


def test_one_after_another_also_past_a_stale_lease(tmp_path, started, monkeypatch):
    monkeypatch.setattr(lease, "WAIT_S", 0.002)
    (tmp_path / "number").write_text("0")
    (tmp_path / "lease").write_text(ours(started="1"))
    code = COUNT.replace("folder =", "import lib.lease; lib.lease.WAIT_S = 0.002; folder =", 1)
    for child in [started(code, tmp_path) for _ in range(3)]:
        assert child.wait(timeout=60) == 0
    assert (tmp_path / "number").read_text() == "60"
    assert not (tmp_path / "lease").exists()


def test_who_looks_at_a_stale_lease_too_late_leaves_the_new_one_alone(tmp_path, monkeypatch):
    """The lease is judged, then another process takes it over, and only then it is our turn."""
    path = tmp_path / "lease"
    path.write_text(ours(started="1"))
    assert lease.leaseholder(tmp_path) is None
    path.write_text(ours())
    lease._remove_stale(path)
    assert path.exists()
    assert path.read_text() == ours()
    (tmp_path / "lease.take-over").mkdir()
    path.write_text(ours(started="1"))
    # Somebody else is about to do it; what a killed process left is removed after a while.
    assert not lease._take(path, ours())
    os.utime(tmp_path / "lease.take-over", (0, 0))
    assert not lease._take(path, ours())
    assert lease._take(path, ours())
