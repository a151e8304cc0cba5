"""A small tree with one of everything, in a folder of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.kconfig import Configuration, Layer, Policy, Tree, load_tree, override_layer, read_layer

FIXTURE = Path(__file__).parent / "fixture_tree"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the fixture tree that a test may change."""
    folder = tmp_path / "tree"
    shutil.copytree(FIXTURE, folder)
    return folder


@pytest.fixture(scope="session")
def tree() -> Tree:
    """The fixture tree, loaded once; its state moves from test to test, as it may."""
    return load_tree(FIXTURE, Policy())


@pytest.fixture
def lax_tree() -> Tree:
    """The fixture tree as KCONFIG_WERROR=0 has it."""
    return load_tree(FIXTURE, Policy(is_strict=False))


@pytest.fixture
def layer(tmp_path: Path) -> Callable[..., Layer]:
    """Make a layer of lines: `layer("CONFIG_X=y", name="a", kind="state")`."""

    def make(*lines: str, name: str = "request", kind: str = "request") -> Layer:
        path = tmp_path / name
        path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
        return read_layer(path, name, kind=kind)

    return make


@pytest.fixture
def derive(tree: Tree) -> Callable[..., Configuration]:
    """The defaults with some symbols or groups set."""
    return lambda **values: tree.resolve([override_layer(list(values.items()))])
