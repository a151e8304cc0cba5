"""Texts of JSON: one object a line, one array of objects, or one object; plain or compressed.

A position is bytes of whole lines, or elements of the array. In a compressed file bytes are counted
after decompression, and taking a position up again decompresses what comes before it, which costs
a hundredth of tokenising it. An array, or an object over several lines, is held in memory whole.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gpt2.datasets.documents import CHUNK_CHARACTERS, Chunk, Position
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, listed, reading_failed, shown
from gpt2.datasets.folders import has_suffix
from gpt2.datasets.marks import HEAD_BYTES, MARK, UTF8_MARK, check_head

LINE_SUFFIXES = tuple(
    name + packed for name in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst")
)

_SKIP_BYTES = 1 << 20


def is_json(head: bytes) -> bool:
    """Whether a file that begins so is JSON objects: one a line, or an array of them."""
    start = head.removeprefix(UTF8_MARK).lstrip()
    if start.startswith(b"["):
        return start[1:].lstrip().startswith(b"{")
    line = start.partition(b"\n")[0]
    try:
        return start.startswith(b"{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        # The head ends inside of a long line, or an object goes over several.
        return re.match(rb'\{\s*"', start) is not None


class _Object(list[tuple[str, Any]]):
    """The pairs of a JSON object, all of them: a key may stand there twice."""


def read_lines(path: Path, position: Position, key: str) -> Iterator[Chunk]:
    """Texts under one key, from a position of this file on; empty ones are left out.

    Raises DataError for what is no JSON object with a text under the key.
    """
    start = end = position or 0
    texts: list[str] = []
    size = 0
    try:
        for text, end in _texts(path, start, key):
            if text:
                texts.append(text)
                size += len(text)
            if size >= CHUNK_CHARACTERS:
                yield Chunk(start, texts, [True] * len(texts))
                start, texts, size = end, [], 0
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"byte {end}", str(error)) from error
    except OSError as error:
        # pyarrow reports a broken frame of zstd as an error of input.
        if has_suffix(path.name, (".zst",)):
            raise _damaged(path, f"byte {end}", str(error)) from error
        raise reading_failed(error, path) from error
    if texts:
        yield Chunk(start, texts, [True] * len(texts))


def _texts(path: Path, start: int, key: str) -> Iterator[tuple[str, int]]:
    """Each text from a position on, and the position behind it."""
    with _open(path) as file:
        head = file.read(HEAD_BYTES)
    check_head(path, head)
    first_line = head.removeprefix(UTF8_MARK).lstrip().partition(b"\n")[0].rstrip()
    # A lone brace is how an object that goes over several lines begins.
    if first_line.startswith(b"[") or first_line == b"{":
        yield from _of_whole(path, start, key)
        return
    with _open(path) as file:
        _skip(file, start)
        end = start
        for line in file:
            place = f"the line at byte {end}"
            content = line.removeprefix(UTF8_MARK) if end == 0 else line
            end += len(line)
            text = _text(path, place, _parsed(path, place, content), key) if content.strip() else ""
            yield text, end


def _of_whole(path: Path, start: int, key: str) -> Iterator[tuple[str, int]]:
    with _open(path) as file:
        value = _parsed(path, "byte 0", file.read().removeprefix(UTF8_MARK))
    elements = [value] if isinstance(value, _Object) else value
    for number, element in enumerate(elements[start:], start):
        yield _text(path, f"element {number} of what it holds", element, key), number + 1


def _parsed(path: Path, place: str, text: bytes) -> Any:
    """A JSON value with objects as pairs. Raises DataError."""
    try:
        # Numbers are not looked at, and a whole one may have more digits than Python converts.
        return json.loads(text.decode("utf-8"), object_pairs_hook=_Object, parse_int=float)
    except RecursionError as error:
        raise _damaged(path, place, "it is nested too deeply") from error
    except UnicodeDecodeError as error:
        what = f"the byte {text[error.start]:#04x} in it is not UTF-8"
        raise _damaged(path, place, what) from error
    except ValueError as error:
        what = f"it is not JSON ({error}); one object a line is wanted, as `jq -c .` writes it"
        raise _damaged(path, place, what) from error


def _text(path: Path, place: str, value: Any, key: str) -> str:
    found = [text for name, text in value if name == key] if isinstance(value, _Object) else []
    if not found:
        keys = "no keys"
        if isinstance(value, _Object) and value:
            keys = listed([shown(name) for name, _ in value])
        raise DataError(
            f"{path} has no {key} in {place}; it has {keys}. Set CUSTOM_TEXT_COLUMN to the key of "
            "the text, or move a file without texts away.",
            USAGE,
        )
    if len(found) > 1:
        raise _damaged(path, place, f"it has the key {key} {len(found)} times")
    text = found[0]
    if text is not None and not isinstance(text, str):
        raise _damaged(path, place, f"its {key} is no text")
    return _paired(text or "").removeprefix(MARK)


def _paired(text: str) -> str:
    """JSON can write half of a character; no UTF-8 can."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _open(path: Path) -> IO[bytes]:
    if has_suffix(path.name, (".gz",)):
        return gzip.open(path, "rb")
    if has_suffix(path.name, (".zst",)):
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


def _damaged(path: Path, place: str, what: str) -> DataError:
    return DataError(
        f"{path} cannot be read at {place}: {what.rstrip('.')}. Mend the file or move it away.",
        CORRUPT,
    )
