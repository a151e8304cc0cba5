"""A small corpus like TinyStories, and what tests do with it."""

import hashlib

import pyarrow
import pyarrow.parquet
import pytest

from gpt2.datasets import dataset_folder, prepare
from gpt2.datasets.errors import DataError
from gpt2.datasets.manifest import read_manifest
from gpt2.datasets.shards import open_dataset, verify
from gpt2.datasets.tokenizers import GPT2_EOT

STORIES = [
    [f"Story {part}-{number}. Once upon a time there was a {'very ' * (number % 7)}small cat.\n"
     for number in range(120)]
    for part in range(3)
]  # fmt: skip
HELD_OUT = [f"A story {number} that nobody learns.\n" for number in range(20)]
NAMES = [f"data/train-{part:05d}-of-00003.parquet" for part in range(3)]
HELD_OUT_NAME = "data/validation-00000-of-00001.parquet"


def write_repository(folder):
    """The files of a corpus like TinyStories, below `folder`."""
    for name, texts in zip([*NAMES, HELD_OUT_NAME], [*STORIES, HELD_OUT], strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=25)


def write_sums(folder):
    lines = []
    for path in sorted(folder.rglob("*.parquet")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  ./{path.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


def prepared(data, mirror, told=None, dataset="tinystories", tokens="0", revision=None):
    lines = told if told is not None else []
    options = {"tokens": tokens, "revision": revision}
    prepare(dataset, data, str(mirror), None, None, lines.append, **options)
    opened = open_dataset(dataset_folder(dataset, data, None, None, **options))
    verify(opened)
    return opened


def refused(data, mirror, **options):
    with pytest.raises(DataError) as caught:
        prepared(data, mirror, **options)
    assert "\n" not in str(caught.value)
    assert read_manifest(data / "tinystories") is None
    return caught.value


def tokens_of(gpt2, texts):
    return [token for text in texts for token in (GPT2_EOT, *gpt2.encode(text).tolist())]


def everything(stream):
    return stream.window(0, len(stream)).tolist()


def check_stories(dataset, gpt2, budget=None):
    train = tokens_of(gpt2, [text for part in STORIES for text in part])
    assert everything(dataset.train) == train[:budget]
    assert everything(dataset.validation) == tokens_of(gpt2, HELD_OUT)
