"""The trainer's process is what it was, whatever its trackers are; and none needs a network."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import warnings

import numpy
import pytest
import torch

from lib.cli import ROOT
from lib.trackers import TRACKERS

SITE = """
import os, socket

_connect = socket.socket.connect

def connect(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        with open(os.environ["CALLS"], "a") as file:
            file.write(f"{address}\\n")
        raise OSError("no network here")
    return _connect(self, address)

def refuse(*arguments, **options):
    if arguments[0] not in (None, "", "127.0.0.1", "::1", "localhost"):
        with open(os.environ["CALLS"], "a") as file:
            file.write(f"{arguments[0]}\\n")
        raise OSError("no network here")
    return _lookup(*arguments, **options)

_lookup = socket.getaddrinfo
socket.socket.connect, socket.getaddrinfo = connect, refuse
"""


def everything():
    """What packages are known to change in the process that imports them."""
    return {
        "python": random.getstate(),
        "numpy": str(numpy.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "dtype": torch.get_default_dtype(),
        "threads": [thread.name for thread in threading.enumerate()],
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "hooks": (sys.excepthook, sys.stdout, sys.stderr, sys.displayhook),
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "packages": sorted(set(TRACKERS) & set(sys.modules)),
    }


def test_all_trackers_together_change_nothing_in_the_trainers_process(
    track, job, rows, write, said, capfd, monkeypatch, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    write(rows)
    before = everything()
    track(*TRACKERS)
    assert everything() == before
    assert capfd.readouterr() == ("", "")
    assert said == []


@pytest.mark.parametrize(
    "names", [("tensorboard",), ("wandb", "trackio"), ("tensorboard", "trackio")], ids="+".join
)
def test_any_set_of_them(track, job, rows, write, said, monkeypatch, tmp_path, names):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    write(rows)
    track(*names)
    assert said == []
    there = {
        "tensorboard": any(job.folder.glob("events.out.tfevents.*")),
        "wandb": (job.folder / "wandb").is_dir(),
        "trackio": (job.results / "trackio").is_dir(),
    }
    assert {name for name, is_there in there.items() if is_there} == set(names)


def test_nobody_is_called(track, job, rows, write, said, monkeypatch, tmp_path):
    """Python's sockets refuse every other machine; what speaks HTTP outside Python is told a proxy
    that would hear it."""
    (tmp_path / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    # A token makes trackio ask the Hub whose it is, were that not forbidden.
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        write(rows)
        track(*TRACKERS)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert said == []
    assert not (tmp_path / "calls").exists()


def can_unshare():
    command = ["unshare", "--map-root-user", "--net", "true"]
    return shutil.which("unshare") and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_unshare(), reason="this machine gives no network namespace")
def test_on_a_machine_without_any_network():
    """The tests of the three trackers again, where not even 127.0.0.1 answers."""
    chosen = "without_a_login or reads_back_what_was_measured"
    alone = ["unshare", "--map-root-user", "--net"]
    tests = ["-m", "pytest", "-p", "no:cacheprovider", "-k", chosen, "tests/lib/trackers"]
    done = subprocess.run(
        [*alone, sys.executable, *tests], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
