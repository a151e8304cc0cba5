"""Which tokens a micro-batch holds: pure functions of an index, so resuming is exact.

Training. Epoch e begins at a random phase in [0, block_size) and cuts the split into windows of
block_size + 1 tokens, of which the first is only context: neighbours share one token and every
token behind the first is a target once. The windows come in an order permuted anew for each
epoch. The state is one integer, the index of the next micro-batch.

Validation. The same windows, from token 0, in order, always; the shorter last one included.

x and y are `row[:, :-1]` and `row[:, 1:]` of one row: half the copying of separate arrays.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gpt2.datasets.errors import USAGE, DataError
from gpt2.datasets.shards import Tokens, TokenStream

# Phases are drawn this many epochs at a time: a resume in epoch 3000 costs three draws.
_CHUNK_EPOCHS = 1024


class TrainSampler:
    """Micro-batch number `index` of an endless, reproducible walk through a split."""

    def __init__(self, stream: TokenStream, block_size: int, batch_size: int, seed: int) -> None:
        """`batch_size` is in windows; `seed`, >= 0, is that of the data order.

        Raises DataError if not one window fits into the split.
        """
        assert block_size > 0, block_size
        assert batch_size > 0, batch_size
        if len(stream) < block_size + 1:
            raise DataError(
                f"The {stream.name} split has {len(stream):,} tokens; BLOCK_SIZE={block_size} "
                f"needs {block_size + 1:,}. Set BLOCK_SIZE <= {len(stream) - 1}, or use a longer "
                "text.",
                USAGE,
            )
        self._stream = stream
        self._block_size = block_size
        self._batch_size = batch_size
        self._seed = seed
        self._phases = np.empty(0, dtype=np.int64)
        # Number of windows before each epoch; one entry more than there are phases.
        self._firsts = np.zeros(1, dtype=np.int64)
        self._epoch = -1
        self._epoch_starts = np.empty(0, dtype=np.int64)

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
            epoch, offset = self.position(first)
            pieces.append(self._starts_of(epoch)[offset : offset + missing])
            first += pieces[-1].size
            missing -= pieces[-1].size
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def position(self, window: int) -> tuple[int, int]:
        """(epoch, place in the epoch) of the window that is visited as number `window`."""
        while self._firsts[-1] <= window:
            self._extend()
        epoch = int(np.searchsorted(self._firsts, window, side="right")) - 1
        return epoch, window - int(self._firsts[epoch])

    def windows_in(self, epoch: int) -> int:
        """Number of windows in an epoch; it depends a little on the phase."""
        while len(self._phases) <= epoch:
            self._extend()
        return int(self._firsts[epoch + 1] - self._firsts[epoch])

    def _extend(self) -> None:
        chunk = len(self._phases) // _CHUNK_EPOCHS
        # A phase that leaves no room for a window is not drawn.
        room = min(self._block_size, len(self._stream) - self._block_size)
        phases = (self._random("phase", chunk, _CHUNK_EPOCHS) % np.uint64(room)).astype(np.int64)
        counts = (len(self._stream) - 1 - phases) // self._block_size
        self._phases = np.concatenate([self._phases, phases])
        self._firsts = np.concatenate([self._firsts, self._firsts[-1] + np.cumsum(counts)])

    def _starts_of(self, epoch: int) -> NDArray[np.int64]:
        if self._epoch != epoch:
            keys = self._random("order", epoch, self.windows_in(epoch))
            order = np.argsort(keys, kind="stable")
            self._epoch_starts = self._phases[epoch] + order * self._block_size
            self._epoch = epoch
        return self._epoch_starts

    def _random(self, purpose: str, number: int, count: int) -> NDArray[np.uint64]:
        # Raw words of a bit generator, whose stream numpy promises to keep; it makes no such
        # promise for Generator.permutation, and data order must not depend on numpy's version.
        entropy = [self._seed, ("phase", "order").index(purpose), number]
        return np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(count)


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
