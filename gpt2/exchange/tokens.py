"""The tokenizer's files of an export: GPT-2's, from the merge list that we encode with.

Bytes and characters are no tokenizers of transformers: a byte's token is the byte, a character's
its rank in the manifest of the dataset.
"""

import json
from pathlib import Path
from typing import Any

from gpt2.datasets.tokenizers import GPT2_EOT, byte_characters

END_OF_TEXT = "<|endoftext|>"


def tokenizer_files(merges: Path, positions: int) -> dict[str, str]:
    """Names and texts. merges: the file GPT2_MERGES. positions: the longest text, in tokens."""
    text = merges.read_text(encoding="utf-8")
    # The first line is a version, and the text ends with a newline; each line is a token.
    merged = [line.replace(" ", "", 1) for line in text.split("\n")[1:-1]]
    vocabulary = {token: rank for rank, token in enumerate([*byte_characters(), *merged])}
    vocabulary[END_OF_TEXT] = GPT2_EOT
    config: dict[str, Any] = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": positions,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
    }
    return {
        "vocab.json": json.dumps(vocabulary),
        "merges.txt": text,
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }
