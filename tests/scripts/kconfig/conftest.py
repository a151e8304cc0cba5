"""A project of its own in tmp_path, with the small tree of tests/lib/kconfig, and its tools."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
FIXTURE = REPOSITORY / "tests" / "lib" / "kconfig" / "fixture_tree"

QUICK = """\
# The quick one.
#
# Two arms.
CONFIG_SEED=7
CONFIG_OPTIMIZER_ADAMW=y
CONFIG_OPTIMIZER_ADAMWPRUNE=y
"""

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The top folder: Kconfig files, the defconfig `quick` and the fragments `cpu` and `seed`."""
    folder = tmp_path / "project"
    shutil.copytree(FIXTURE, folder)
    fragments = folder / "defconfigs" / "fragments"
    fragments.mkdir(parents=True)
    (folder / "defconfigs" / "quick").write_text(QUICK)
    (fragments / "cpu.config").write_text("# On the processor.\nCONFIG_DEVICE_CPU=y\n")
    (fragments / "seed.config").write_text("CONFIG_SEED=8\n")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without settings."""
    steering = ("KCONFIG_", "BITTERBENCH_", "XDG_", "DISPLAY", "TERM")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    return inherited | {"PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path / "home")}


@pytest.fixture
def tool(project: Path, environment: dict[str, str]) -> Tool:
    """Run `python -m scripts.NAME arguments`, with variables as keywords."""

    def call(name: str, *arguments: str, stdin: str = "", **variables: str):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", f"scripts.{name}", *arguments],
            cwd=project,
            env=environment | variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture
def files(project: Path) -> Callable[[], dict[str, bytes]]:
    """What lies in the top folder: to show that a tool wrote nothing."""
    return lambda: {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}
