"""Which tokens a micro-batch holds: pure functions of an index, so resuming is exact.

Training. Epoch e begins at a random phase in [0, block_size) and cuts the split into windows of
block_size + 1 tokens, of which the first is only context: neighbours share one token and every
token behind the first is a target once. The windows come in an order permuted anew for each
epoch: the files ("shards") of the split in a random order, and inside a file the windows that begin
in it in a random order; a split of one file is permuted as a whole. So what is read at a time lies
in one file, and the order of 10 billion tokens costs the time and memory of one file's windows.
The state is one integer, the index of the next micro-batch.

Validation. The same windows, from token 0, in order, always; the shorter last one included.

x and y are `row[:, :-1]` and `row[:, 1:]` of one row: half the copying of separate arrays.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpt2.datasets.errors import CORRUPT, USAGE, DataError
from gpt2.datasets.shards import Tokens, TokenStream

# Phases are drawn this many epochs at a time: a resume in epoch 3000 costs three draws.
_CHUNK_EPOCHS = 1024

# What the random words are for; the place in this list is part of their seed.
_PURPOSES = ("phase", "order", "shards")


class _Epoch(NamedTuple):
    """In which order the shards come in an epoch. Windows are numbered by where they begin."""

    number: int
    phase: int
    # Of each shard: the first window that begins in it; one entry more than there are shards.
    firsts: NDArray[np.int64]
    # The shards in the order of their visits, and how many windows there are up to the end of each.
    visits: NDArray[np.int64]
    ends: NDArray[np.int64]


def require_a_window(stream: TokenStream, block_size: int) -> None:
    """Raise DataError if not one window of `block_size` inputs and their targets fits."""
    if len(stream) < block_size + 1:
        raise DataError(
            f"The {stream.name} split has {len(stream):,} tokens; BLOCK_SIZE={block_size} "
            f"needs {block_size + 1:,}. Set BLOCK_SIZE <= {len(stream) - 1}, or use a longer text.",
            USAGE,
        )


class TrainSampler:
    """Micro-batch number `index` of an endless, reproducible walk through a split.

    What it remembers is replaced, never changed, so a loader may ask from a thread of its own.
    """

    def __init__(self, stream: TokenStream, block_size: int, batch_size: int, seed: int) -> None:
        """`batch_size` is in windows; `seed`, >= 0, is that of the data order.

        Raises DataError if not one window fits into the split.
        """
        assert block_size > 0, block_size
        assert batch_size > 0, batch_size
        require_a_window(stream, block_size)
        self._stream = stream
        self._block_size = block_size
        self._batch_size = batch_size
        self._seed = seed
        # The phase of each epoch so far, and the number of windows before each: one entry more.
        self._table = (np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64))
        self._epoch: _Epoch | None = None
        # The starts of the windows of one shard in one epoch, in order, and which these are.
        self._visit = (-1, -1, np.empty(0, dtype=np.int64))

    def batch(self, index: int) -> Tokens:
        """Micro-batch `index` (from 0): [batch_size, block_size + 1] uint16, a copy."""
        return self._stream.windows(self.starts(index), self._block_size + 1)

    def starts(self, index: int) -> NDArray[np.int64]:
        """Where the windows of micro-batch `index` begin in the split: [batch_size]."""
        assert index >= 0, index
        first = index * self._batch_size
        pieces = []
        missing = self._batch_size
        while missing:
            number, window = self.position(first)
            epoch = self._epoch_of(number)
            shard, offset = self._find(epoch, window)
            starts = self._starts_of(epoch, shard)
            pieces.append(starts[offset : offset + missing])
            first += pieces[-1].size
            missing -= pieces[-1].size
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def position(self, window: int) -> tuple[int, int]:
        """(epoch, place in the epoch) of the window that is visited as number `window`."""
        while self._table[1][-1] <= window:
            self._extend()
        firsts = self._table[1]
        epoch = int(np.searchsorted(firsts, window, side="right")) - 1
        return epoch, window - int(firsts[epoch])

    def place(self, index: int) -> dict[str, int]:
        """Where micro-batch `index` begins, for logs and checkpoints: plain numbers, all from 0.

        `window` counts the visits of the epoch; `shard` is the file that the first row begins in.
        """
        epoch, window = self.position(index * self._batch_size)
        shard, _ = self._find(self._epoch_of(epoch), window)
        return {"micro_batch": index, "epoch": epoch, "window": window, "shard": shard}

    def check_place(self, saved: Mapping[str, int]) -> None:
        """Raise DataError unless a `place` that was saved is what this sampler would say."""
        here = self.place(saved["micro_batch"])
        if here != dict(saved):
            raise DataError(
                f"The saved position {_places(saved)} is {_places(here)} in this data: the "
                f"{self._stream.name} split, BLOCK_SIZE, BATCH_SIZE or SEED is another one. Go on "
                "with the data and options that the run began with, or start a new run.",
                CORRUPT,
            )

    def windows_in(self, epoch: int) -> int:
        """Number of windows in an epoch; it depends a little on the phase."""
        while len(self._table[0]) <= epoch:
            self._extend()
        firsts = self._table[1]
        return int(firsts[epoch + 1] - firsts[epoch])

    def _extend(self) -> None:
        phases, firsts = self._table
        # A phase that leaves no room for a window is not drawn.
        room = min(self._block_size, len(self._stream) - self._block_size)
        words = self._random("phase", len(phases) // _CHUNK_EPOCHS, 0, _CHUNK_EPOCHS)
        more = (words % np.uint64(room)).astype(np.int64)
        counts = (len(self._stream) - 1 - more) // self._block_size
        firsts = np.concatenate([firsts, firsts[-1] + np.cumsum(counts)])
        self._table = (np.concatenate([phases, more]), firsts)

    def _epoch_of(self, number: int) -> _Epoch:
        epoch = self._epoch
        if epoch is None or epoch.number != number:
            count = self.windows_in(number)
            phase = int(self._table[0][number])
            # A window that crosses into the next file belongs to the one that it begins in.
            begins = np.append(self._stream.shard_begins, len(self._stream))
            firsts = np.clip(-((phase - begins) // self._block_size), 0, count)
            visits = np.argsort(self._random("shards", number, 0, begins.size - 1), kind="stable")
            ends = np.cumsum(np.diff(firsts)[visits])
            self._epoch = epoch = _Epoch(number, phase, firsts, visits, ends)
        return epoch

    @staticmethod
    def _find(epoch: _Epoch, window: int) -> tuple[int, int]:
        """(shard, place among its windows) of the visit `window` of an epoch."""
        visit = int(np.searchsorted(epoch.ends, window, side="right"))
        return int(epoch.visits[visit]), window - (int(epoch.ends[visit - 1]) if visit else 0)

    def _starts_of(self, epoch: _Epoch, shard: int) -> NDArray[np.int64]:
        """Starts of the windows of a shard in an epoch, in the order of their visits."""
        of_epoch, of_shard, starts = self._visit
        if (of_epoch, of_shard) != (epoch.number, shard):
            first, end = (int(window) for window in epoch.firsts[shard : shard + 2])
            keys = self._random("order", epoch.number, first, end - first)
            order = np.argsort(keys, kind="stable")
            starts = epoch.phase + (first + order) * self._block_size
            self._visit = (epoch.number, shard, starts)
        return starts

    def _random(self, purpose: str, number: int, first: int, count: int) -> NDArray[np.uint64]:
        """Words first .. first + count - 1 of a stream; those before are not computed."""
        # Raw words of a bit generator, whose stream numpy promises to keep; it makes no such
        # promise for Generator.permutation, and data order must not depend on numpy's version.
        entropy = [self._seed, _PURPOSES.index(purpose), number]
        return np.random.PCG64(np.random.SeedSequence(entropy)).advance(first).random_raw(count)


def _places(place: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in place.items())


class ValidationWindows:
    """Windows that cover a split: each token but the first is a target exactly once.

    `limit` > 0 takes that many evenly spaced whole windows instead, always the same ones.
    """

    def __init__(self, stream: TokenStream, block_size: int, limit: int = 0) -> None:
        assert block_size > 0, block_size
        assert limit >= 0, limit
        assert len(stream) > 1, f"the {stream.name} split has no target"
        self._stream = stream
        self.block_size = block_size
        count = -(-(len(stream) - 1) // block_size)
        self.is_full_split = limit == 0 or limit >= count
        self._numbers = (
            np.arange(count) if self.is_full_split else np.arange(limit) * count // limit
        )

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, position: int) -> Tokens:
        """Window `position` of these: [block_size + 1] uint16, fewer in the last of a split."""
        start = int(self._numbers[position]) * self.block_size
        return self._stream.window(start, min(self.block_size + 1, len(self._stream) - start))

    def __iter__(self) -> Iterator[Tokens]:
        return (self[position] for position in range(len(self)))

    @property
    def evaluated_tokens(self) -> int:
        """Number of targets in all these windows."""
        if self.is_full_split:
            return len(self._stream) - 1
        return len(self) * self.block_size

    def batches(self, batch_size: int) -> Iterator[Tokens]:
        """The windows in order, [at most batch_size, block_size + 1]; a shorter one comes alone.

        Copies, so that they can be handed to whoever wants writable memory.
        """
        length = self.block_size + 1
        starts = self._numbers * self.block_size
        whole = starts[starts + length <= len(self._stream)]
        for first in range(0, whole.size, batch_size):
            yield self._stream.windows(whole[first : first + batch_size], length)
        if whole.size < starts.size:
            last = starts[-1:]
            yield self._stream.windows(last, len(self._stream) - int(last[0]))
