"""From text to a prepared folder: split, tokenise, write the shards, and last the manifest.

One builder serves a text in memory and a stream of documents. A stream may take hours, so it says
before what it needs, shows how far it is, and goes on after a kill (resume.py).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gpt2.datasets.corpus import Material, Stream
from gpt2.datasets.documents import Documents, Pieces
from gpt2.datasets.download import Progress
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, writing_failed
from gpt2.datasets.feed import BEGINNING, Feed
from gpt2.datasets.forecast import announce
from gpt2.datasets.manifest import MANIFEST_NAME, Manifest, write_manifest
from gpt2.datasets.meter import Meter
from gpt2.datasets.resume import (
    PROGRESS_NAME,
    SHARD_PATTERNS,
    State,
    is_ours,
    load_state,
    read_json,
    save_state,
    shard_files,
)
from gpt2.datasets.shards import SHARD_TOKENS, TOKEN, ShardWriter
from gpt2.datasets.stamps import STAMPS_NAME
from gpt2.datasets.tokenizers import Tokenizer
from lib.cpu import usable_cores


class Part(NamedTuple):
    """A split to be made: of which documents, and how many of their tokens at most."""

    split: str
    documents: Documents
    limit: int | None
    # Whether it begins where the part before ended.
    goes_on: bool


def build_dataset(
    folder: Path,
    dataset: str,
    material: Material | Stream,
    progress: Progress,
    shard_tokens: int = SHARD_TOKENS,
) -> Manifest:
    """Prepare `folder`, replacing what it has. Raises DataError; there is no manifest then."""
    if isinstance(material, Material):
        return _build_whole(folder, dataset, material, progress, shard_tokens)
    return _build_stream(folder, dataset, material, progress, shard_tokens)


def _build_whole(
    folder: Path, dataset: str, material: Material, progress: Progress, shard_tokens: int
) -> Manifest:
    """A text in memory: made in one go, or not at all."""
    splits = split_pieces(material.pieces, material.validation_pct)
    train, validation = (Pieces(texts) for texts in splits)
    size = sum(len(piece.encode("utf-8")) for piece in material.pieces)
    progress(f"tokenising {size:,} bytes ({material.tokenizer.info.name})")
    parts = [Part("train", train, None, False), Part("validation", validation, None, False)]
    try:
        _clear(folder)
        try:
            state = State()
            for part in parts:
                _make(folder, part, material.tokenizer, shard_tokens, state)
            return _finish(folder, dataset, material, parts, state)
        except BaseException:
            _sweep(folder)
            raise
    except OSError as error:
        # As tokens the text takes at most two bytes for each of its own.
        raise writing_failed(error, folder, size * TOKEN.itemsize) from error


def _build_stream(
    folder: Path, dataset: str, stream: Stream, progress: Progress, shard_tokens: int
) -> Manifest:
    """A stream of documents: what is finished stays, whatever ends the preparation."""
    held_out = stream.validation or stream.train
    parts = [
        Part("validation", held_out, stream.validation_tokens, False),
        Part("train", stream.train, stream.train_tokens, stream.validation is None),
    ]
    identity = {
        "dataset": dataset,
        "tokenizer": stream.tokenizer.info.to_dict(),
        "text": stream.identity,
        "parts": [[part.split, part.goes_on, part.limit] for part in parts],
        "shard_tokens": shard_tokens,
    }
    try:
        state = load_state(folder, identity)
        if state is None:
            _clear(folder)
            state = State()
        else:
            _sweep(folder, (".*.tmp-*",))
            progress(f"going on behind the {state.tokens:,} tokens that {folder} has already")
        announce(folder, stream, state.tokens, progress)
        with Meter(stream.expected_tokens, state.tokens, progress) as meter:

            def keep(state: State, part: Part) -> None:
                save_state(folder, identity, state)
                part.documents.release(state.place.position)

            for part in parts[len(state.finished) :]:
                _make(folder, part, stream.tokenizer, shard_tokens, state, keep, meter.add)
                made = state.finished[-1].tokens
                if part.limit is not None and made < part.limit:
                    progress(f"the text ends after {made:,} of {part.limit:,} {part.split} tokens")
        for part in parts:
            part.documents.release(None)
        manifest = _finish(folder, dataset, stream, parts, state)
        tidy(folder)
    except OSError as error:
        raise writing_failed(error, folder, stream.expected_tokens * TOKEN.itemsize) from error
    return manifest


def split_pieces(pieces: Sequence[str], validation_pct: int) -> tuple[list[str], list[str]]:
    """The first characters, and the last `validation_pct`; the cut may fall inside a piece."""
    cut = sum(map(len, pieces)) * (100 - validation_pct) // 100
    train: list[str] = []
    validation: list[str] = []
    for piece in pieces:
        head, tail = piece[: max(cut, 0)], piece[max(cut, 0) :]
        cut -= len(piece)
        train += [head] if head else []
        validation += [tail] if tail else []
    return train, validation


def _make(
    folder: Path,
    part: Part,
    tokenizer: Tokenizer,
    shard_tokens: int,
    state: State,
    keep: Callable[[State, Part], None] = lambda state, part: None,
    count: Callable[[int], None] = lambda tokens: None,
) -> None:
    """Write the rest of a split and bring `state` behind it; `keep` it after every shard."""
    if not part.goes_on and not state.shards:
        state.place = BEGINNING
    writer = ShardWriter(folder, part.split, tokenizer.info.vocab_size, shard_tokens, state.shards)
    left = None if part.limit is None else part.limit - state.tokens_of_split
    feed = Feed(part.documents, tokenizer, state.place, usable_cores())
    try:
        while left is None or left:
            tokens_N = feed.read(writer.room if left is None else min(writer.room, left))
            if tokens_N.size == 0:
                break
            left = None if left is None else left - tokens_N.size
            state.text_bytes += tokenizer.count_bytes(tokens_N)
            writer.write(tokens_N)
            count(tokens_N.size)
            if len(writer.shards) > len(state.shards):
                state.shards, state.place = list(writer.shards), feed.place
                keep(state, part)
        place = feed.place
    finally:
        feed.close()
    split = writer.close(state.text_bytes)
    if split.tokens < 2:
        raise DataError(
            f"The text is too short: its {part.split} split has {split.tokens} tokens, and 2 are "
            "needed to predict one. Use a longer text"
            f"{'.' if part.limit is None else ', or set a smaller DATASET_TOKENS.'}",
            CORRUPT,
        )
    state.finished.append(split)
    state.shards, state.text_bytes, state.place = [], 0, place
    keep(state, part)


def _finish(
    folder: Path, dataset: str, material: Material | Stream, parts: Sequence[Part], state: State
) -> Manifest:
    """Write the manifest, from which moment on the dataset is there."""
    splits = dict(zip((part.split for part in parts), state.finished, strict=True))
    source = material.source
    if isinstance(material, Stream):
        source = material.source(state.place.position)
    manifest = Manifest(dataset, material.tokenizer.info, source, **splits)
    write_manifest(folder, manifest)
    return manifest


def tidy(folder: Path) -> None:
    """Remove what is worth nothing beside a manifest; a kill may have left it."""
    with suppress(OSError):
        (folder / PROGRESS_NAME).unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """An empty folder; without its manifest it counts as unprepared until the new one is there.

    Raises DataError where what would go was made by somebody else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not is_ours(folder):
        theirs = [path for path in shard_files(folder) if path.stat().st_size]
        theirs += [folder / MANIFEST_NAME] if read_json(folder / MANIFEST_NAME) else []
        if theirs:
            raise DataError(
                f"{theirs[0]} was not made here, and a prepared dataset would take its place. Move "
                "it away, or set DATA_DIR to another folder.",
                USAGE,
            )
    for name in (MANIFEST_NAME, PROGRESS_NAME, STAMPS_NAME):
        (folder / name).unlink(missing_ok=True)
    _sweep(folder)


def _sweep(folder: Path, patterns: Sequence[str] = (*SHARD_PATTERNS, ".*.tmp-*")) -> None:
    """Remove what a preparation without a manifest left, and what a killed one did not rename."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
