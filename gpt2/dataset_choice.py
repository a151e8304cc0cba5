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


# Tokens that can occur, by tokenizer; of characters only the text knows.
VOCABULARIES = {"gpt2": 50257, "bytes": 256}
# Of the datasets that are not tokenised as GPT-2 does it. The text of tiny Shakespeare is pinned.
OTHER_VOCABULARIES = {"pystdlib": 256, "shakespeare-char": 65}


def vocabulary(settings: Mapping[str, Any]) -> int | None:
    """Tokens that can occur in the dataset, before it is prepared; None where the text decides."""
    if settings["DATASET"] == "custom":
        return VOCABULARIES.get(settings["CUSTOM_TOKENIZER"])
    return OTHER_VOCABULARIES.get(settings["DATASET"], VOCABULARIES["gpt2"])


def mirror(settings: Mapping[str, Any]) -> str:
    """The configured mirror, else the environment's. It does not change a result: files are checked
    against a pinned hash wherever they come from, or else the hash of the data tells."""
    return settings["DATA_MIRROR"] or expand_home(os.environ.get("DATA_MIRROR", ""))
