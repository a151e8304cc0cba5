"""Text as a stream of documents that can be taken up again at any place.

A reader gives chunks: a few consecutive texts and the position at which reading would begin to
give them again. A position is whatever the reader needs, as long as JSON can hold it; None is the
beginning. So what is kept for a resumed preparation is one position and two small numbers, and
nothing that was read before is read again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Plain JSON.
Position = Any

# Characters in a chunk, more or less: the unit of work of one thread that tokenises.
CHUNK_CHARACTERS = 1 << 18


@dataclass(frozen=True)
class Chunk:
    """Consecutive texts. Where `begins` is False a text goes on with the document before it.

    One without texts says that what comes next is dear (a file to be fetched): whoever reads ahead
    should first use what there is.
    """

    position: Position
    texts: list[str]
    begins: list[bool]


class Documents(ABC):
    """Documents in an order that never changes."""

    @abstractmethod
    def chunks(self, position: Position) -> Iterator[Chunk]:
        """What begins at a position that an earlier chunk had, or at the beginning (None).

        The texts from there on are the same every time; how they are cut into chunks need not be.
        Raises DataError.
        """

    def release(self, position: Position) -> None:  # noqa: B027 (not abstract: few keep anything)
        """What lies before `position` will not be asked for again. None: nothing will."""


class Pieces(Documents):
    """Texts in memory, with a separator between them but not before the first."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces

    def chunks(self, position: Position) -> Iterator[Chunk]:
        for number in range(position or 0, len(self._pieces)):
            yield Chunk(number, [self._pieces[number]], [number > 0])
