"""What tests of several rooms share: the real option tree, and the smallest configurations."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import torch

from lib.arms import settings_of
from lib.cli import ROOT
from lib.kconfig import Configuration, Tree, load_tree, override_layer, read_layer
from lib.trackers import feed, lane

# How long an example takes says nothing on a machine that does other things as well.
hypothesis.settings.register_profile("bitterbench", deadline=None)
hypothesis.settings.load_profile("bitterbench")

# A shell starts background work deaf to Ctrl+C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Several processes test at once. Threads of theirs that wait for one another on the same cores made
# `make check-arch` take 2.4 times as long.
ONE_THREAD = {"CPU_THREADS": 1}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The hundred kills first: two minutes of one process, for which all others would wait."""
    items.sort(key=lambda item: item.path.name != "test_kills.py")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Also after a test that trained with more."""
    torch.set_num_threads(1)


@pytest.fixture
def unhurried(monkeypatch) -> None:
    """Trackers that have the time they need.

    At the lowest priority, an import beside the busy processes of other tests takes minutes.
    """
    monkeypatch.setattr(lane, "NICENESS", 0)
    monkeypatch.setattr(feed, "PATIENCE_S", 120.0)


@pytest.fixture(scope="session")
def tree() -> Tree:
    return load_tree(ROOT)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """One folder of prepared data for all tests of a session."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def configure(tree, data_dir, tmp_path):
    """configure(defconfig, NAME=value, ...): a defconfig with overrides, results in tmp_path."""

    def make(defconfig: str = "smoke", **overrides: object) -> Configuration:
        places = {"RESULTS_DIR": tmp_path / "results", "DATA_DIR": data_dir}
        options = ONE_THREAD | places | overrides
        pairs = [(name, str(value)) for name, value in options.items()]
        layer = read_layer(ROOT / "defconfigs" / defconfig, defconfig)
        return tree.resolve([layer, override_layer(pairs)])

    return make


@pytest.fixture
def one_run(configure):
    """one_run(NAME=value, ...): the settings of a single dense run of the smallest size."""

    def make(**overrides: object) -> dict:
        arm = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}
        return settings_of(configure("smoke", **(arm | overrides)))

    return make


@pytest.fixture(scope="session")
def real_mirror() -> str:
    """A mirror with the real files: the environment's DATA_MIRROR, or ../shared/data."""
    candidates = [os.environ.get("DATA_MIRROR", ""), str(ROOT.parent / "shared" / "data")]
    for candidate in candidates:
        if candidate and (ROOT / candidate / "shakespeare" / "input.txt").is_file():
            return str(ROOT / candidate)
    pytest.skip("no mirror with the real texts: set DATA_MIRROR to a folder that has them")


# What the Makefile needs.
SOURCES = ("Makefile", "Kconfig", "lib", "gpt2", "scripts", "defconfigs")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, without configuration or results."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for source in [*(ROOT / name for name in SOURCES), *ROOT.glob("requirements*.txt")]:
        name = source.name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture
def make(checkout: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """make(*words, NAME=value of the environment) -> the finished process."""

    def call(*words: str, python: str | None = sys.executable, **environment: str):  # noqa: ANN202
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "KCONFIG"))}
        interpreter = [f"PYTHON={python}"] if python else []
        return subprocess.run(
            ["make", *interpreter, *words],
            cwd=checkout,
            env=inherited | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    return call
