"""`make tensorboard` and `make trackio`: the real pages, asked over HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from lib.cli import ROOT
from lib.kconfig.store import save_config
from lib.runs import RunDirectory
from lib.trackers.feed import open_feed
from scripts import dashboard

LONGEST_S = 60


@pytest.fixture
def results(configure, one_run, tmp_path, unhurried):
    """Two runs of a few rows, tracked; returns their folder and the environment of a command."""
    settings = one_run(TRACKER="tensorboard,trackio")
    for name in ("custom-pystdlib-adamw-s1-00000001", "custom-pystdlib-adamw-s2-00000002"):
        run = RunDirectory(tmp_path / "results" / "runs" / name)
        run.path.mkdir(parents=True)
        run.metrics_path.write_text('{"kind": "train", "step": 1, "tokens": 8, "loss": 2.5}\n')
        (run.path / "checkpoints").mkdir()
        with open_feed(settings, run, pytest.fail):
            pass
    environment = {"KCONFIG_CONFIG": str(tmp_path / "config"), "PYTHONPATH": str(ROOT)}
    return tmp_path / "results", os.environ | environment


@pytest.fixture
def serve(results, configure, tmp_path):
    """serve("tensorboard", NAME=value) -> its output so far, once `pattern` is in it."""
    started = []

    def go(name, pattern, **overrides):
        save_config(tmp_path / "config", configure(TRACKER=name, **overrides), "a test")
        log = open(tmp_path / "output", "w+")  # noqa: SIM115
        child = subprocess.Popen(
            [sys.executable, "-m", "scripts", "dashboard", name],
            cwd=ROOT,
            env=results[1],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append((child, log))
        deadline = time.monotonic() + LONGEST_S
        while not (found := re.search(pattern, (tmp_path / "output").read_text())):
            assert child.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return found

    yield go
    for child, log in started:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        log.close()


def ask(url, until, data=None):
    """The answer of a page, once it is what it shall be: what is in the files is read by and by."""
    deadline = time.monotonic() + LONGEST_S
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data and json.dumps(data).encode(), headers)
    while True:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)
        if until(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@pytest.mark.slow
def test_tensorboard_shows_every_run_by_its_name(serve, results):
    url = serve("tensorboard", r"(http://localhost:\d+/)", TENSORBOARD_PORT=0)[1]
    names = sorted(path.name for path in (results[0] / "runs").iterdir())
    assert sorted(ask(f"{url}data/runs", lambda found: len(found) == 2)) == names
    tags = ask(f"{url}data/plugin/scalars/tags", lambda found: len(found) == 2)
    assert all("train/loss" in found for found in tags.values())


@pytest.mark.slow
def test_trackio_shows_every_run_by_its_name(serve, results):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve("trackio", f"http://127.0.0.1:{port}", TRACKIO_PORT=port)
    url = f"http://127.0.0.1:{port}/api/get_runs_for_project"
    answer = ask(url, lambda found: found["data"], {"project": "bitterbench"})
    names = sorted(path.name for path in (results[0] / "runs").iterdir())
    assert sorted(run["name"] for run in answer["data"]) == names


@pytest.mark.parametrize("name", ["tensorboard", "trackio"])
def test_a_missing_package_is_a_sentence_with_the_remedy(name, monkeypatch):
    monkeypatch.setattr(dashboard, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=f"The Python package {name} is missing") as caught:
        dashboard.main([name])
    assert '`make setup EXTRAS="trackers"` installs it.' in str(caught.value)


@pytest.mark.parametrize("arguments", [[], ["wandb"], ["tensorboard", "trackio"]])
def test_only_the_pages_there_are(arguments):
    with pytest.raises(
        ValueError, match=r"usage: python -m scripts dashboard tensorboard\|trackio"
    ):
        dashboard.main(arguments)


def test_a_folder_without_event_files_is_said(configure, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "call", lambda command: 0)
    config = configure().typed()
    assert dashboard.show_tensorboard(config, tmp_path) == 0
    assert "`make TRACKER=tensorboard` writes them" in capsys.readouterr().out
