"""How far a preparation got: `progress.json`, replaced as a whole after every finished shard.

A preparation that was killed goes on behind the last finished shard, and what it writes is byte
for byte what it would have written: a place in the text, not a time, decides what comes next.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpt2.datasets.errors import DataError
from gpt2.datasets.feed import BEGINNING, Place
from gpt2.datasets.manifest import MANIFEST_NAME, Shard, Split, parse_split
from gpt2.datasets.shards import MAGIC, open_shard
from lib.files import write_atomic

PROGRESS_NAME = "progress.json"
SHARD_PATTERNS = ("train-?????.bin", "validation-?????.bin")
# Of 1 the place may be wrong: behind two interruptions of one parquet file it was its beginning.
SCHEMA = 2


@dataclass
class State:
    """What is on the disk, and what comes next."""

    # The splits that are whole, in the order in which they are made.
    finished: list[Split] = field(default_factory=list)
    # The finished shards of the next one, and the size of their text in UTF-8.
    shards: list[Shard] = field(default_factory=list)
    text_bytes: int = 0
    place: Place = BEGINNING

    @property
    def tokens(self) -> int:
        """Of the finished shards of all splits."""
        return sum(split.tokens for split in self.finished) + self.tokens_of_split

    @property
    def tokens_of_split(self) -> int:
        return sum(shard.tokens for shard in self.shards)


def save_state(folder: Path, identity: dict[str, Any], state: State) -> None:
    """Raises OSError; what was saved before is intact then."""
    value = {
        "schema": SCHEMA,
        "identity": identity_hash(identity),
        "finished": [split.to_dict() for split in state.finished],
        "shards": [vars(shard) for shard in state.shards],
        "text_bytes": state.text_bytes,
        "place": list(state.place),
    }
    write_atomic(folder / PROGRESS_NAME, json.dumps(value, indent=1) + "\n")


def load_state(folder: Path, identity: dict[str, Any]) -> State | None:
    """Where to go on, or None to begin anew: nothing was saved, or it is of another text, or a
    shard of it is not as it was. Reads no tokens: a changed byte is found by `verify`."""
    try:
        value = json.loads((folder / PROGRESS_NAME).read_text(encoding="utf-8"))
        if (value["schema"], value["identity"]) != (SCHEMA, identity_hash(identity)):
            return None
        state = State(
            finished=[parse_split(split) for split in value["finished"]],
            shards=[Shard(**shard) for shard in value["shards"]],
            text_bytes=value["text_bytes"],
            place=Place(*value["place"]),
        )
        for shard in [
            *(shard for split in state.finished for shard in split.shards),
            *state.shards,
        ]:
            open_shard(folder / shard.file, shard)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, DataError):
        return None
    return state


def is_ours(folder: Path) -> bool:
    """Whether a folder has a preparation of ours, whole or begun: a mark in its files tells, since
    other programs call theirs so as well."""
    manifest, progress = read_json(folder / MANIFEST_NAME), read_json(folder / PROGRESS_NAME)
    return (
        {"schema", "tokenizer", "splits"} <= manifest.keys()
        or {"schema", "identity", "place"} <= progress.keys()
        or any(map(is_shard, shard_files(folder)))
    )


def shard_files(folder: Path) -> list[Path]:
    """Those that are called as our shards are."""
    return sorted(path for name in SHARD_PATTERNS for path in folder.glob(name))


def is_shard(path: Path) -> bool:
    """Whether it begins as a shard of ours does."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_json(path: Path) -> dict[str, Any]:
    """Empty for what is not there, or no JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def identity_hash(identity: dict[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
