"""Which prepared dataset a configuration asks for. Knows no torch: the plan asks too."""

import os
from collections.abc import Mapping
from typing import Any

from lib.cli import ROOT
from lib.files import expand_home


def data_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one prepared dataset from another, as `gpt2.datasets` wants it."""
    return {
        "dataset": settings["DATASET"],
        "data_dir": ROOT / settings["DATA_DIR"],
        "custom_path": settings["CUSTOM_PATH"],
        "custom_tokenizer": settings["CUSTOM_TOKENIZER"],
        "custom_documents": settings["CUSTOM_DOCUMENTS"],
        "custom_text_column": settings["CUSTOM_TEXT_COLUMN"],
        "tokens": settings["DATASET_TOKENS"],
        "revision": settings["DATASET_REVISION"],
    }


def mirror(settings: Mapping[str, Any]) -> str:
    """The configured mirror, else the environment's. It does not change a result: files are checked
    against a pinned hash wherever they come from, or else the hash of the data tells."""
    return settings["DATA_MIRROR"] or expand_home(os.environ.get("DATA_MIRROR", ""))
