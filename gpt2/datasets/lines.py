"""Texts of JSON lines: one object a line, plain or compressed. A position: bytes of whole lines.

In a compressed file they are counted after decompression, and taking a position up again
decompresses what comes before it, which costs a hundredth of tokenising it.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gpt2.datasets.documents import CHUNK_CHARACTERS, Chunk, Position
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, reading_failed

LINE_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")

_SKIP_BYTES = 1 << 20


def read_lines(path: Path, position: Position, key: str) -> Iterator[Chunk]:
    """Texts under one key, from a position of this file on; empty ones are left out.

    Raises DataError for a line that is no JSON object with a text under the key.
    """
    start = end = position or 0
    texts: list[str] = []
    size = 0
    try:
        with _open(path) as file:
            _skip(file, start)
            for line in file:
                text = _text(path, end, line, key)
                end += len(line)
                if text:
                    texts.append(text)
                    size += len(text)
                if size >= CHUNK_CHARACTERS:
                    yield Chunk(start, texts, [True] * len(texts))
                    start, texts, size = end, [], 0
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, end, str(error)) from error
    except OSError as error:
        # pyarrow reports a broken frame of zstd as an error of input.
        if path.name.endswith(".zst"):
            raise _damaged(path, end, str(error)) from error
        raise reading_failed(error, path) from error
    if texts:
        yield Chunk(start, texts, [True] * len(texts))


def _text(path: Path, offset: int, line: bytes, key: str) -> str:
    if not line.strip():
        return ""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _damaged(path, offset, f"it is not JSON ({error})") from error
    if not isinstance(value, dict) or key not in value:
        keys = ", ".join(value) if isinstance(value, dict) else "no keys"
        raise DataError(
            f"{path} has no {key} in the line at byte {offset}; it has {keys}. Set "
            "CUSTOM_TEXT_COLUMN to the key of the text.",
            USAGE,
        )
    text = value[key]
    if text is not None and not isinstance(text, str):
        raise _damaged(path, offset, f"its {key} is no text")
    return _paired(text or "")


def _paired(text: str) -> str:
    """JSON can write half of a character; no UTF-8 can."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rb")
    if path.name.endswith(".zst"):
        try:
            import pyarrow
        except ImportError as error:
            raise DataError(
                f"Reading {path.name} needs the package pyarrow ({error}). Run `make setup "
                "EXTRAS=data`, or decompress it (`unzstd`).",
                USAGE,
            ) from error
        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))
    return open(path, "rb")


def _skip(file: IO[bytes], count: int) -> None:
    if file.seekable():
        file.seek(count)
        return
    while count:
        count -= len(file.read(min(count, _SKIP_BYTES)))


def _damaged(path: Path, offset: int, what: str) -> DataError:
    return DataError(
        f"{path} cannot be read at byte {offset}: {what.rstrip('.')}. Mend the file or move it "
        "away.",
        CORRUPT,
    )
