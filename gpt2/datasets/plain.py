"""The text of one UTF-8 file as one document, in parts. A position: bytes.

A part ends before a blank or a new line behind a visible ASCII character. GPT-2's pattern never
joins what lies on the two sides of such a place, so the tokens are those of the whole text, and a
file may be larger than the memory.
"""

from collections.abc import Iterator
from pathlib import Path

from gpt2.datasets.documents import CHUNK_CHARACTERS, Chunk, Position
from gpt2.datasets.errors import reading_failed
from gpt2.datasets.marks import UTF8_MARK, decoded

_VISIBLE = range(0x21, 0x7F)


def read_plain(path: Path, position: Position) -> Iterator[Chunk]:
    """The text from a position of this file on. Raises DataError for what is not UTF-8 text."""
    start = position or 0
    try:
        with open(path, "rb") as file:
            file.seek(start)
            # Up to where whoever cut here had read, so that the next part ends where it did for
            # them: a place in the data counts the tokens of a part.
            rest = file.read(CHUNK_CHARACTERS - start % CHUNK_CHARACTERS) if start else b""
            while block := file.read(CHUNK_CHARACTERS):
                cut = _last_cut(rest + block, len(rest))
                rest += block
                if cut:
                    yield _chunk(path, start, rest[:cut])
                    start, rest = start + cut, rest[cut:]
    except OSError as error:
        raise reading_failed(error, path) from error
    if rest and not (start == 0 and rest == UTF8_MARK):
        yield _chunk(path, start, rest)


def _last_cut(data: bytes, begin: int) -> int:
    """Where the last part that may end does end; 0 if none may. Looks from `begin` on."""
    end = len(data)
    while (end := max(data.rfind(b" ", begin, end), data.rfind(b"\n", begin, end))) > 0:
        if data[end - 1] in _VISIBLE:
            return end
    return 0


def _chunk(path: Path, start: int, data: bytes) -> Chunk:
    return Chunk(start, [decoded(path, data, start)], [start == 0])
