"""Which prepared dataset a configuration asks for. Knows no torch: the plan asks too."""

import os
from collections.abc import Mapping
from typing import Any

from lib.cli import ROOT


def data_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one prepared dataset from another, as `gpt2.datasets` wants it."""
    return {
        "dataset": settings["DATASET"],
        "data_dir": ROOT / settings["DATA_DIR"],
        "custom_path": settings["CUSTOM_PATH"],
        "custom_tokenizer": settings["CUSTOM_TOKENIZER"],
    }


def mirror(settings: Mapping[str, Any]) -> str:
    """The configured mirror, else the environment's. It cannot change a result: every file is
    checked against its pinned hash wherever it comes from."""
    return settings["DATA_MIRROR"] or os.environ.get("DATA_MIRROR", "")
