"""Tokens of documents, in order, from any place on, tokenised on all our cores.

tiktoken gives the interpreter's lock away while it works, so threads suffice; each takes a chunk
of documents, and the results are used in the order of the chunks. A document's tokens begin with
the separator (GPT-2's end of text), as in build-nanogpt and llm.c.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpt2.datasets.documents import Chunk, Documents, Position
from gpt2.datasets.errors import DataError
from gpt2.datasets.shards import TOKEN, Tokens
from gpt2.datasets.tokenizers import Tokenizer


class Place(NamedTuple):
    """The next token: so many tokens into the text that comes so many texts behind a position."""

    position: Position
    texts: int
    tokens: int


BEGINNING = Place(None, 0, 0)


@dataclass(frozen=True)
class _Encoded:
    """A chunk as tokens: text i of it is tokens[starts[i] : starts[i + 1]], its separator first."""

    position: Position
    first_text: int
    tokens: Tokens
    starts: NDArray[np.int64]


class Feed:
    """Reads documents as one sequence of tokens."""

    def __init__(
        self, documents: Documents, tokenizer: Tokenizer, place: Place, threads: int
    ) -> None:
        self._chunks = _encoded(documents, tokenizer, place, threads)
        self._chunk = _Encoded(
            place.position, place.texts, np.empty(0, TOKEN), np.zeros(1, np.int64)
        )
        self._next = 0
        # Tokens of the first text that were used before.
        self._to_skip = place.tokens

    def read(self, at_most: int) -> Tokens:
        """The next tokens, at least one and at most so many; none when the documents are at their
        end. Raises DataError."""
        while self._next == self._chunk.tokens.size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return np.empty(0, TOKEN)
            self._chunk, self._next, self._to_skip = chunk, self._to_skip, 0
        tokens_N = self._chunk.tokens[self._next : self._next + at_most]
        self._next += tokens_N.size
        return tokens_N

    @property
    def place(self) -> Place:
        """Where the next token is."""
        text = int(np.searchsorted(self._chunk.starts, self._next, side="right")) - 1
        tokens = self._next - int(self._chunk.starts[text]) + self._to_skip
        return Place(self._chunk.position, self._chunk.first_text + text, tokens)

    def close(self) -> None:
        """Stop the threads."""
        self._chunks.close()


def _encoded(
    documents: Documents, tokenizer: Tokenizer, place: Place, threads: int
) -> Iterator[_Encoded]:
    """The chunks from the text of `place` on, whole, tokenised a little ahead."""
    to_skip = place.texts
    waiting: deque[Future[_Encoded]] = deque()
    failure: DataError | None = None
    chunks = documents.chunks(place.position)
    with ThreadPoolExecutor(threads, thread_name_prefix="tokenise") as pool:
        while True:
            try:
                chunk = next(chunks, None)
            except DataError as error:
                # What came before it is good, and may finish a shard.
                failure = error
                break
            if chunk is None:
                break
            skipped = min(to_skip, len(chunk.texts))
            to_skip -= skipped
            if skipped < len(chunk.texts):
                waiting.append(pool.submit(_encode, tokenizer, chunk, skipped))
            keep = 2 * threads if chunk.texts else 0
            while len(waiting) > keep:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if failure is not None:
        raise failure


def _encode(tokenizer: Tokenizer, chunk: Chunk, first: int) -> _Encoded:
    pieces: list[Tokens] = []
    starts = [0]
    # Asked for only where one is needed: an alphabet need not have its newline.
    separator = tokenizer.separator() if any(chunk.begins[first:]) else np.empty(0, TOKEN)
    for text, begins in zip(chunk.texts[first:], chunk.begins[first:], strict=True):
        tokens_N = tokenizer.encode(text)
        pieces += [separator, tokens_N] if begins else [tokens_N]
        starts.append(starts[-1] + tokens_N.size + (separator.size if begins else 0))
    return _Encoded(chunk.position, first, np.concatenate(pieces), np.array(starts))
