"""WikiText's rows are lines; its documents are the articles, each from its title to the next.

A title stands alone between equals signs, " = Robert Boulter = ", a section between two or more on
each side. The rows have their line ends, so an article is their plain concatenation.
"""

import re
from collections.abc import Iterator

from gpt2.datasets.documents import CHUNK_CHARACTERS, Chunk, Documents, Position

_TITLE = re.compile(r" = [^=](?:.*[^=])? = \n?")


def is_title(row: str) -> bool:
    return _TITLE.fullmatch(row) is not None


class Articles(Documents):
    """Articles made of rows. A position: [position of a chunk of rows, rows of it to pass over]."""

    def __init__(self, rows: Documents) -> None:
        self._rows = rows

    def chunks(self, position: Position) -> Iterator[Chunk]:
        rows_position, to_skip = position or (None, 0)
        # Where the articles that were not given yet begin, and the rows of the last of them.
        start: Position = None
        texts: list[str] = []
        article: list[str] = []
        for chunk in self._rows.chunks(rows_position):
            if not chunk.texts:
                yield Chunk(None, [], [])
            for number, row in enumerate(chunk.texts[to_skip:], to_skip):
                if is_title(row) and article:
                    texts.append("".join(article))
                    article = []
                    if sum(map(len, texts)) >= CHUNK_CHARACTERS:
                        yield Chunk(start, texts, [True] * len(texts))
                        texts = []
                if not article and not texts:
                    start = [chunk.position, number]
                article.append(row)
            to_skip = 0
        if article:
            texts.append("".join(article))
        if texts:
            yield Chunk(start, texts, [True] * len(texts))

    def release(self, position: Position) -> None:
        self._rows.release(position and position[0])
