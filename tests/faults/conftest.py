"""Fault injection on the real command: `python -m scripts.matrix run`, as Make calls it."""

import os
import subprocess
import sys
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


@pytest.fixture
def matrix(configure, tmp_path):
    """matrix(NAME=value, ...): by default two runs of the smallest size on a short text."""
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n} and {n + 1} make {2 * n + 1}.\n" for n in range(2500)))
    two_runs = {
        "OPTIMIZER": "adamw",
        "DATASET": "custom",
        "CUSTOM_PATH": text,
        "CUSTOM_TOKENIZER": "bytes",
    }

    def make(**overrides: object) -> Matrix:
        return Matrix(configure(**(two_runs | overrides)), tmp_path / "config")

    return make
