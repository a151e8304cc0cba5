"""Fault injection on the real command: `python -m scripts.matrix run`, as Make calls it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lib.cli import ROOT
from lib.kconfig.store import save_config
from lib.runs import RunDirectory


class Matrix:
    """A matrix with its own configuration and results, run by a child process."""

    def __init__(self, configuration, config_path: Path) -> None:
        self.results = Path(configuration.typed().RESULTS_DIR)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            "KCONFIG_CONFIG": str(config_path),
            "PYTHONPATH": str(ROOT),
        }
        save_config(config_path, configuration, "a test")

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        """In a process group of its own, so that all of it can be killed."""
        return subprocess.Popen(
            [sys.executable, "-m", *(command or ("scripts.matrix", "run"))],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        child = self.start(*command, **environment)
        output, _ = child.communicate(timeout=300)
        return child.returncode, output

    def runs(self) -> list[RunDirectory]:
        return [RunDirectory(path) for path in sorted((self.results / "runs").iterdir())]


class Training:
    """`python gpt2/train.py` on one run, in a process group of its own."""

    def __init__(self, configuration, tmp_path) -> None:
        save_config(tmp_path / "config", configuration, None)
        self.environment = os.environ | {"KCONFIG_CONFIG": str(tmp_path / "config")}
        self.run = RunDirectory.of(tmp_path / "results", configuration.typed())

    def start(self, *before: str, arguments: Sequence[str] = (), **keywords) -> subprocess.Popen:
        return subprocess.Popen(
            [*before, sys.executable, str(ROOT / "gpt2" / "train.py"), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **keywords,
        )

    def finish(self, *before: str, **keywords) -> tuple[int, str]:
        child = self.start(*before, **keywords)
        output, _ = child.communicate(timeout=120)
        return child.returncode, output

    def wait_for_step(self, child: subprocess.Popen, step: int) -> None:
        deadline = time.monotonic() + 60
        while self.step() < step:
            assert child.poll() is None, child.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def step(self) -> int:
        try:
            steps = re.findall(r'"kind": "train", "step": (\d+)', self.run.metrics_path.read_text())
        except OSError:
            return 0
        return int(steps[-1]) if steps else 0


@pytest.fixture
def short_text(tmp_path):
    """60 kB with something to learn, as options of the configuration."""
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{n} and {n + 1} make {2 * n + 1}.\n" for n in range(2500)))
    return {"DATASET": "custom", "CUSTOM_PATH": path, "CUSTOM_TOKENIZER": "bytes"}


@pytest.fixture
def one_training(configure, short_text, tmp_path):
    """one_training(NAME=value, ...): by default a dense run of the smallest size."""
    dense = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}

    def make(**overrides: object) -> Training:
        return Training(configure(**(short_text | dense | overrides)), tmp_path)

    return make


@pytest.fixture
def matrix(configure, short_text, tmp_path):
    """matrix(NAME=value, ...): by default two runs of the smallest size on a short text."""

    def make(**overrides: object) -> Matrix:
        two_runs = short_text | {"OPTIMIZER": "adamw"}
        return Matrix(configure(**(two_runs | overrides)), tmp_path / "config")

    return make
