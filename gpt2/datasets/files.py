"""Documents in files: one file after another, each read by the reader of its kind.

    .parquet                            rows, one column of them
    .jsonl  .ndjson  .json              one JSON object a line, or one array of objects; one key of
                                        them. The same with .gz or .zst behind
    anything else                       UTF-8 text, a document a file

Suffixes count in any case. A file need not be here before it is its turn, and may go when it has
been read.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from gpt2.datasets.documents import Chunk, Documents, Position
from gpt2.datasets.folders import has_suffix
from gpt2.datasets.lines import LINE_SUFFIXES, read_lines
from gpt2.datasets.parquet import read_parquet
from gpt2.datasets.plain import read_plain

PARQUET_SUFFIX = ".parquet"
DOCUMENT_SUFFIXES = (PARQUET_SUFFIX, *LINE_SUFFIXES)

Reader = Callable[[Path, Position], Iterator[Chunk]]


class SourceFile(Protocol):
    """A file that can be had."""

    def local(self) -> Path:
        """Where it is on this machine, fetched and checked. Raises DataError."""
        ...

    def release(self) -> None:
        """It is not needed any more."""
        ...


class LocalFile:
    """A file of the user's own, which stays."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def local(self) -> Path:
        return self._path

    def release(self) -> None:
        pass


class FileDocuments(Documents):
    """The documents of files, in the order of the files. A position: [file, position in it]."""

    def __init__(self, files: Sequence[SourceFile], column: str, cache: Path) -> None:
        """`column`: where rows and lines have their text; `cache`: for what reading them needs."""
        self._files = files
        self._column = column
        self._cache = cache
        self._released = 0

    def chunks(self, position: Position) -> Iterator[Chunk]:
        first, inner = position or (0, None)
        for number in range(first, len(self._files)):
            if number > first:
                yield Chunk([number, None], [], [])
            path = self._files[number].local()
            for chunk in self._reader(path)(path, inner):
                yield Chunk([number, chunk.position], chunk.texts, chunk.begins)
            inner = None

    def release(self, position: Position) -> None:
        end = len(self._files) if position is None else position[0]
        while self._released < end:
            self._files[self._released].release()
            self._released += 1

    def _reader(self, path: Path) -> Reader:
        if is_parquet(path):
            return partial(read_parquet, column=self._column, cache=self._cache)
        if has_suffix(path.name, LINE_SUFFIXES):
            return partial(read_lines, key=self._column)
        return read_plain


def is_parquet(path: Path) -> bool:
    return has_suffix(path.name, (PARQUET_SUFFIX,))
