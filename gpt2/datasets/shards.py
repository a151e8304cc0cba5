"""Token files ("shards"): a 24-byte header, then little-endian uint16 tokens.

    bytes  0- 7   magic "BBTOKENS"
    bytes  8-11   version of this layout, uint32
    bytes 12-15   bytes per token (2), uint32
    bytes 16-23   number of tokens, uint64

The header makes a wrong, torn or foreign file recognisable without reading it. Two bytes a token
suffice for every vocabulary here (GPT-2 has 50,257), halve the disk and quarter what goes to a
device compared with int64.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gpt2.datasets import stamps
from gpt2.datasets.errors import CORRUPT, MISSING, DataError, prepare_command, reading_failed
from gpt2.datasets.manifest import Manifest, Shard, Split, read_manifest
from lib.files import sha256_file

MAGIC = b"BBTOKENS"
VERSION = 1
HEADER = struct.Struct("<8sIIQ")
TOKEN = np.dtype("<u2")
MAX_VOCABULARY = 1 << 16

# 200 MB a file: large corpora stay in files that copy, hash and resume in seconds.
SHARD_TOKENS = 100_000_000

Tokens = NDArray[np.uint16]


class ShardWriter:
    """Writes the tokens of one split into `<split>-00000.bin`, `-00001.bin`, ...

    Every file appears by rename when it is whole. Raises OSError where a write fails.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        vocab_size: int,
        shard_tokens: int = SHARD_TOKENS,
        finished: Sequence[Shard] = (),
    ) -> None:
        """`finished`: whole files that an earlier writer made; this one goes on behind them."""
        assert vocab_size <= MAX_VOCABULARY, vocab_size
        self._folder = folder
        self._split = split
        self._vocab_size = vocab_size
        self._shard_tokens = shard_tokens
        self._shards = list(finished)
        self._pending: list[Tokens] = []
        self._pending_tokens = 0

    @property
    def room(self) -> int:
        """How many tokens the present file takes before it is finished and the next one begins."""
        return self._shard_tokens - self._pending_tokens

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The finished files."""
        return tuple(self._shards)

    def write(self, tokens_N: Tokens) -> None:
        """Append tokens, uint16, each below the vocabulary's size."""
        assert tokens_N.dtype == TOKEN, tokens_N.dtype
        if tokens_N.size == 0:
            return
        # Checked here, once, so that training never has to look for an id without an embedding.
        assert int(tokens_N.max()) < self._vocab_size, f"token {tokens_N.max()} has no embedding"
        while tokens_N.size:
            room = self.room
            self._pending.append(tokens_N[:room])
            self._pending_tokens += self._pending[-1].size
            tokens_N = tokens_N[room:]
            if self.room == 0:
                self._flush()

    def close(self, text_bytes: int) -> Split:
        """Finish the last file; `text_bytes` is the size of the split's text in UTF-8."""
        if self._pending_tokens:
            self._flush()
        tokens = sum(shard.tokens for shard in self._shards)
        return Split(tokens=tokens, bytes=text_bytes, shards=tuple(self._shards))

    def _flush(self) -> None:
        name = f"{self._split}-{len(self._shards):05d}.bin"
        temporary = self._folder / f".{name}.tmp-{os.getpid()}"
        try:
            with open(temporary, "wb") as file:
                file.write(HEADER.pack(MAGIC, VERSION, TOKEN.itemsize, self._pending_tokens))
                for tokens_N in self._pending:
                    file.write(tokens_N.data)
                file.flush()
                os.fsync(file.fileno())
            # The digest is of what the disk gives back, not of what we meant to write.
            digest = sha256_file(temporary)
            os.replace(temporary, self._folder / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._shards.append(Shard(file=name, tokens=self._pending_tokens, sha256=digest))
        self._pending = []
        self._pending_tokens = 0


def open_shard(path: Path, shard: Shard) -> Tokens:
    """The tokens of a file, [tokens], read from the disk only where they are touched.

    Raises DataError unless the file has our header and the size for its number of tokens.
    """
    try:
        with open(path, "rb") as file:
            _check_header(path, file.read(HEADER.size), os.fstat(file.fileno()).st_size, shard)
            mapped = np.memmap(file, TOKEN, mode="r", offset=HEADER.size, shape=(shard.tokens,))
    except FileNotFoundError as error:
        raise _unusable(path, "is missing", MISSING) from error
    except OSError as error:
        raise reading_failed(error, path) from error
    # A plain array on the same memory: indexing np.memmap itself costs three times as much.
    return np.asarray(mapped)


def _check_header(path: Path, header: bytes, size: int, shard: Shard) -> None:
    if len(header) < HEADER.size:
        raise _unusable(path, f"ends at byte {len(header)}, inside its header")
    magic, version, token_bytes, count = HEADER.unpack(header)
    if magic != MAGIC:
        raise _unusable(path, f"is not a token file: byte 0 begins {magic!r}, not {MAGIC!r}")
    if (version, token_bytes) != (VERSION, TOKEN.itemsize):
        raise _unusable(path, f"has layout version {version}, {token_bytes} bytes a token, at 8")
    if count != shard.tokens:
        raise _unusable(
            path, f"says {count:,} tokens at byte 16; the manifest says {shard.tokens:,}"
        )
    expected = HEADER.size + count * TOKEN.itemsize
    if size != expected:
        raise _unusable(path, f"has {size:,} bytes; {count:,} tokens take {expected:,}")


def check_digest(path: Path, shard: Shard, vocab_size: int) -> None:
    """Raise DataError unless every byte of the file is as it was when it was prepared."""
    try:
        if sha256_file(path) == shard.sha256:
            return
    except OSError as error:
        raise reading_failed(error, path) from error
    tokens_N = open_shard(path, shard)
    impossible = np.flatnonzero(tokens_N >= vocab_size)
    if impossible.size:
        first = int(impossible[0])
        offset = HEADER.size + first * TOKEN.itemsize
        what = f"has token {tokens_N[first]}, outside the {vocab_size} known ones, at byte {offset}"
    else:
        what = f"changed after it was prepared, somewhere after byte {HEADER.size}"
    raise _unusable(path, what)


class TokenStream:
    """A split as one sequence of tokens, whatever its number of files. Read-only."""

    def __init__(self, name: str, parts: Sequence[Tokens]) -> None:
        assert parts, name
        self.name = name
        self._parts = list(parts)
        self._ends = np.cumsum([part.size for part in parts])
        # Per part and window length: a view [starts, length]. Building one costs ten times what
        # a gather from it costs.
        self._views: dict[tuple[int, int], Tokens] = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def shard_begins(self) -> NDArray[np.int64]:
        """Number of the first token of each file: [files]."""
        return self._ends - [part.size for part in self._parts]

    def window(self, start: int, length: int) -> Tokens:
        """Tokens start .. start + length - 1: [length], a view unless it crosses files."""
        assert length > 0, length
        assert 0 <= start <= len(self) - length, (start, length)
        pieces = []
        part = int(np.searchsorted(self._ends, start, side="right"))
        while length:
            local = start - (int(self._ends[part]) - self._parts[part].size)
            pieces.append(self._parts[part][local : local + length])
            start += pieces[-1].size
            length -= pieces[-1].size
            part += 1
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def windows(self, starts_B: NDArray[np.int64], length: int) -> Tokens:
        """One row for each start: [B, length], a copy."""
        assert starts_B.size == 0 or (
            int(starts_B.min()) >= 0 and int(starts_B.max()) + length <= len(self)
        ), (starts_B, length)
        if len(self._parts) == 1:
            return self._view(0, length)[starts_B]
        if starts_B.size:
            # The training order visits one file after another, so nearly every batch lies in one.
            part = int(np.searchsorted(self._ends, starts_B[0], side="right"))
            local_B = starts_B - (int(self._ends[part]) - self._parts[part].size)
            if local_B.min() >= 0 and local_B.max() + length <= self._parts[part].size:
                return self._view(part, length)[local_B]
        rows_BT = np.empty((starts_B.size, length), dtype=TOKEN)
        part_B = np.searchsorted(self._ends, starts_B, side="right")
        for part in np.unique(part_B):
            first = int(self._ends[part]) - self._parts[part].size
            here_B = part_B == part
            inside_B = here_B & (starts_B + length <= self._ends[part])
            if inside_B.any():
                rows_BT[inside_B] = self._view(int(part), length)[starts_B[inside_B] - first]
            for row in np.flatnonzero(here_B & ~inside_B):
                rows_BT[row] = self.window(int(starts_B[row]), length)
        return rows_BT

    def _view(self, part: int, length: int) -> Tokens:
        view = self._views.get((part, length))
        if view is None:
            tokens_N = self._parts[part]
            view = sliding_window_view(tokens_N, min(length, tokens_N.size))
            self._views[part, length] = view
        return view


@dataclass(frozen=True)
class Dataset:
    """A prepared folder, open for reading."""

    folder: Path
    manifest: Manifest
    train: TokenStream
    validation: TokenStream


def open_dataset(folder: Path) -> Dataset:
    """Open a prepared folder; headers and lengths are checked, contents are not (`verify`).

    Raises DataError: 66 if it is not prepared, 65 if a file does not fit its manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        command = prepare_command(folder.name)
        raise DataError(f"{folder} has no prepared dataset. Run {command}.", MISSING)
    train, validation = (
        TokenStream(name, [open_shard(folder / shard.file, shard) for shard in split.shards])
        for name, split in (("train", manifest.train), ("validation", manifest.validation))
    )
    assert len(train) == manifest.train.tokens, folder
    assert len(validation) == manifest.validation.tokens, folder
    return Dataset(folder=folder, manifest=manifest, train=train, validation=validation)


def verify(dataset: Dataset, is_full: bool = False) -> None:
    """Compare every shard with its SHA-256. Raises DataError with file and offset.

    Of a large dataset, files that have not changed since such a comparison are not read again
    (stamps.py), unless `is_full`.
    """
    splits = (dataset.manifest.train, dataset.manifest.validation)
    shards = [shard for split in splits for shard in split.shards]
    is_large = sum(shard.tokens for shard in shards) * TOKEN.itemsize >= stamps.SMALL_BYTES
    seen = stamps.Stamps(dataset.folder)
    for shard in shards:
        path = dataset.folder / shard.file
        try:
            before = path.stat()
            if is_large and not is_full and seen.holds(path, shard.sha256):
                continue
            check_digest(path, shard, dataset.manifest.vocab_size)
            seen.add(path, before, shard.sha256)
        except OSError as error:
            raise reading_failed(error, path) from error
    if is_large:
        seen.save()


def _unusable(path: Path, what: str, exit_status: int = CORRUPT) -> DataError:
    return DataError(
        f"{path} {what}. Remove {path.parent} and prepare the data again.", exit_status
    )
