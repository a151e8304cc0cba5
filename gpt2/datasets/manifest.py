"""The manifest of a prepared dataset: what was made, from what, and a hash of all that counts.

`manifest.json` is written last, by rename, after every shard: where it is, the dataset is whole.
Its `hash` covers what training sees (tokenizer and tokens), not where the text lay or which
Python read it: the same tokens have the same hash on every machine.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt2.datasets.errors import CORRUPT, DataError, reading_failed
from lib.files import write_atomic

MANIFEST_NAME = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class TokenizerInfo:
    """How text became tokens. `characters`, of a character tokenizer only: token i is [i]."""

    name: str
    vocab_size: int
    eot: int | None
    characters: str | None = None

    def to_dict(self) -> dict[str, Any]:
        fields = {"name": self.name, "vocab_size": self.vocab_size, "eot": self.eot}
        return fields if self.characters is None else fields | {"characters": self.characters}


@dataclass(frozen=True)
class Shard:
    """One file of tokens, named relative to the folder; the digest is of the whole file."""

    file: str
    tokens: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """A contiguous part of the text. `bytes` counts its text in UTF-8, for bits per byte."""

    tokens: int
    bytes: int
    shards: tuple[Shard, ...]

    def to_dict(self) -> dict[str, Any]:
        shards = [vars(shard) for shard in self.shards]
        return {"tokens": self.tokens, "bytes": self.bytes, "shards": shards}


@dataclass(frozen=True)
class Manifest:
    """The contents of manifest.json. `source` says, for people and checks, where the text is of."""

    dataset: str
    tokenizer: TokenizerInfo
    source: Mapping[str, Any]
    train: Split
    validation: Split

    @property
    def vocab_size(self) -> int:
        return self.tokenizer.vocab_size

    def split(self, name: str) -> Split:
        """The split "train" or "validation"."""
        return {"train": self.train, "validation": self.validation}[name]

    @property
    def hash(self) -> str:
        """64 hex digits: the identity of the prepared data."""
        text = json.dumps(self._hashed(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def _hashed(self) -> dict[str, Any]:
        splits = {"train": self.train.to_dict(), "validation": self.validation.to_dict()}
        return {
            "schema": SCHEMA,
            "dataset": self.dataset,
            "tokenizer": self.tokenizer.to_dict(),
            "splits": splits,
        }

    def to_dict(self) -> dict[str, Any]:
        return self._hashed() | {"source": dict(self.source), "hash": self.hash}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The last act of a preparation. Raises OSError; there is no manifest then."""
    write_atomic(folder / MANIFEST_NAME, json.dumps(manifest.to_dict(), indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a prepared folder; None if there is none. Reads no tokens.

    Raises DataError if there is one that is torn, edited, or of another schema.
    """
    path = folder / MANIFEST_NAME
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise reading_failed(error, path) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is not JSON ({error})") from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise _damaged(path, f"is not a manifest of schema {SCHEMA}")
    try:
        manifest = _parse(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"lacks or misuses a field ({error})") from error
    if value.get("hash") != manifest.hash:
        raise _damaged(path, "does not agree with its own hash, so it was changed")
    return manifest


def _parse(value: dict[str, Any]) -> Manifest:
    return Manifest(
        dataset=value["dataset"],
        tokenizer=TokenizerInfo(**value["tokenizer"]),
        source=dict(value["source"]),
        train=parse_split(value["splits"]["train"]),
        validation=parse_split(value["splits"]["validation"]),
    )


def parse_split(value: dict[str, Any]) -> Split:
    """A split as `to_dict` wrote it. Raises KeyError or TypeError."""
    shards = tuple(Shard(**shard) for shard in value["shards"])
    return Split(tokens=value["tokens"], bytes=value["bytes"], shards=shards)


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}. Remove {path.parent} and prepare the data again.", CORRUPT)
