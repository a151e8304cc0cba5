"""What tests of prepared streams share: texts in chunks, their tokens, and random ones."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gpt2.datasets.build import build_dataset
from gpt2.datasets.corpus import Stream
from gpt2.datasets.documents import Chunk, Documents
from gpt2.datasets.errors import DataError
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.shards import open_dataset, verify
from gpt2.datasets.tokenizers import ByteTokenizer

EOT = 256


class WithEndOfText(ByteTokenizer):
    """Bytes, and a token for the end of a text; counts what it tokenises."""

    info = TokenizerInfo("gpt2", EOT + 1, EOT)
    separator_bytes = 0

    def __init__(self):
        self.texts = []

    def separator(self):
        return np.array([EOT], dtype="<u2")

    def encode(self, text):
        self.texts.append(text)
        return super().encode(text)


class Texts(Documents):
    """Texts in chunks of a few; ends with an error after so many chunks, where told to."""

    def __init__(self, texts, size=3, fails_after=None):
        self.texts, self.size, self.fails_after = texts, size, fails_after
        self.released = []

    def chunks(self, position):
        for first in range(position or 0, len(self.texts), self.size):
            if self.fails_after is not None and first >= self.fails_after * self.size:
                raise DataError("the connection was closed", 66)
            texts = self.texts[first : first + self.size]
            yield Chunk(first, texts, [True] * len(texts))

    def release(self, position):
        self.released.append(position)


def stream_of(documents, tokens=None, held_out=None, validation=None, tokenizer=None, **changes):
    options = {
        "train": documents,
        "validation": validation,
        "train_tokens": tokens,
        "validation_tokens": held_out,
        "tokenizer": tokenizer or WithEndOfText(),
        "identity": {"of": "a test"},
        "source": lambda position: {"position": position},
        "expected_tokens": 100,
        "cached_bytes": 0,
    }
    return Stream(**(options | changes))


def tokens_of(texts):
    return [token for text in texts for token in (EOT, *text.encode())]


def made(folder, stream, shard_tokens=7, told=None):
    lines = told if told is not None else []
    build_dataset(folder, "finewebedu", stream, lines.append, shard_tokens)
    dataset = open_dataset(folder)
    verify(dataset)
    return dataset


def everything(split):
    return split.window(0, len(split)).tolist()


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


texts = st.lists(st.text("abc \u00e9\u4f60", min_size=1, max_size=9), min_size=4, max_size=20)
anywhere = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
