"""A file in the published format, and the GPT-2 tokenizer."""

import json
import random

import pytest

from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.tokenizers import GPT2Tokenizer, tokenizer_of

WORDS = (
    *("a", "the", "man", "woman", "dog", "roof", "is", "are", "sits", "runs", "over", "under"),
    *("then", "slowly", "caf\u00e9", "7", "it's"),
)


@pytest.fixture(scope="session")
def gpt2(merges_mirror, tmp_path_factory):
    cache = tmp_path_factory.mktemp("merges")
    info: TokenizerInfo = GPT2Tokenizer.info
    return tokenizer_of(info, cache, merges_mirror, lambda line: None)


@pytest.fixture
def rows():
    """Thirty questions: half like ActivityNet's, half like WikiHow's with its marks."""
    source = random.Random(0)

    def words(low, high):
        return " ".join(source.choices(WORDS, k=source.randint(low, high)))

    found = []
    for number in range(30):
        is_how = number >= 15
        first = f"[header] How to {words(2, 5)} [title] {words(4, 9)}." if is_how else words(3, 20)
        second = "" if is_how else words(1, 2)
        endings = [
            f"{words(1, 9)}. [substeps] {words(2, 6)}" if is_how else words(1, 12) for _ in range(4)
        ]
        found.append(
            {
                "ind": 24 + number,
                "activity_label": words(1, 3).title(),
                "ctx_a": first,
                "ctx_b": second,
                "ctx": f"{first} {second}" if second else first,
                "split": "val",
                "split_type": "indomain",
                "label": source.randrange(4),
                "endings": endings,
                "source_id": f"activitynet~{number}",
            }
        )
    return found


@pytest.fixture
def hellaswag_file(tmp_path, rows):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
