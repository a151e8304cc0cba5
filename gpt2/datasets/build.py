"""From text to a prepared folder: split, tokenise, write the shards, and last the manifest."""

from collections.abc import Sequence
from pathlib import Path

from gpt2.datasets.corpus import Material
from gpt2.datasets.download import Progress
from gpt2.datasets.errors import CORRUPT, DataError, writing_failed
from gpt2.datasets.manifest import MANIFEST_NAME, Manifest, Split, write_manifest
from gpt2.datasets.shards import TOKEN, ShardWriter
from gpt2.datasets.tokenizers import Tokenizer


def build_dataset(folder: Path, dataset: str, material: Material, progress: Progress) -> Manifest:
    """Prepare `folder`, replacing what it has. Raises DataError; there is no manifest then."""
    train_pieces, validation_pieces = split_pieces(material.pieces)
    size = sum(len(piece.encode("utf-8")) for piece in material.pieces)
    progress(f"tokenising {size:,} bytes ({material.tokenizer.info.name})")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Without its manifest the folder counts as unprepared until the new one is there.
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        _sweep(folder)
        try:
            train = _write(folder, "train", train_pieces, material.tokenizer)
            validation = _write(folder, "validation", validation_pieces, material.tokenizer)
            manifest = Manifest(
                dataset, material.tokenizer.info, material.source, train, validation
            )
            write_manifest(folder, manifest)
        except BaseException:
            _sweep(folder)
            raise
    except OSError as error:
        # As tokens the text takes at most two bytes for each of its own.
        raise writing_failed(error, folder, size * TOKEN.itemsize) from error
    return manifest


def split_pieces(pieces: Sequence[str]) -> tuple[list[str], list[str]]:
    """The first nine tenths of the characters, and the rest; the cut may fall inside a piece."""
    cut = sum(map(len, pieces)) * 9 // 10
    train: list[str] = []
    validation: list[str] = []
    for piece in pieces:
        head, tail = piece[: max(cut, 0)], piece[max(cut, 0) :]
        cut -= len(piece)
        train += [head] if head else []
        validation += [tail] if tail else []
    return train, validation


def _write(folder: Path, name: str, pieces: list[str], tokenizer: Tokenizer) -> Split:
    writer = ShardWriter(folder, name, tokenizer.info.vocab_size)
    text_bytes = 0
    for number, piece in enumerate(pieces):
        if number:
            writer.write(tokenizer.separator())
            text_bytes += tokenizer.separator_bytes
        writer.write(tokenizer.encode(piece))
        text_bytes += len(piece.encode("utf-8"))
    split = writer.close(text_bytes)
    if split.tokens < 2:
        raise DataError(
            f"The text is too short: its {name} split has {split.tokens} tokens, and 2 are needed "
            "to predict one. Use a longer text.",
            CORRUPT,
        )
    return split


def _sweep(folder: Path) -> None:
    """Remove what a preparation without a manifest left, and what a killed one did not rename."""
    for pattern in ("train-*.bin", "validation-*.bin", ".*.tmp-*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
