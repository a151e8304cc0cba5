from pathlib import Path

import pytest

from lib.device import processor
from lib.kconfig import override_layer
from scripts.bench.context import Context


@pytest.fixture
def context(tree, tmp_path):
    """context(NAME=value, ...): a smoke test on the processor, with options of a command line."""

    def make(**overrides: object) -> Context:
        folder = tmp_path / f"bench-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        pairs = [(name, str(value)) for name, value in overrides.items()]
        return Context(processor(), True, None, Path(folder), tree, override_layer(pairs))

    return make
