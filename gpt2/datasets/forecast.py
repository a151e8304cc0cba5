"""What a preparation will need, said before it begins: disk, and time to tokenise."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from gpt2.datasets.download import Progress
from gpt2.datasets.errors import IO, DataError, free_bytes
from gpt2.datasets.shards import TOKEN
from gpt2.datasets.tokenizers import Tokenizer
from lib.console import duration
from lib.cpu import usable_cores

if TYPE_CHECKING:
    from gpt2.datasets.corpus import Stream

GB = 1e9
# Prose enough for a rate within a quarter or so, in a few hundredths of a second.
_SAMPLE = (
    "The windows of an old house look out over the river, where boats have passed since 1843; "
    "nobody there remembers a winter without ice, or a summer in which the mill stood still.\n"
) * 400


def announce(folder: Path, stream: "Stream", done_tokens: int, progress: Progress) -> None:
    """Say what is needed, in one line. Raises DataError (74) where the disk cannot hold it."""
    tokens = max(stream.expected_tokens - done_tokens, 0)
    shards, free = tokens * TOKEN.itemsize, free_bytes(folder)
    needed = shards + stream.cached_bytes
    seconds = tokens / tokens_per_second(stream.tokenizer)
    cached = f" and {gigabytes(stream.cached_bytes)} of cache" if stream.cached_bytes else ""
    progress(
        f"{tokens:,} tokens to make: {gigabytes(shards)}{cached} of disk ({gigabytes(free)} free), "
        f"about {duration(seconds)} to tokenise on {usable_cores()} cores, and the time to read"
    )
    if free < needed:
        raise DataError(
            f"No space left to write {folder}: {needed:,} bytes needed, {free:,} free. Free some "
            "space, set DATA_DIR to a larger disk, or set a smaller DATASET_TOKENS.",
            IO,
        )


def tokens_per_second(tokenizer: Tokenizer) -> float:
    """On all our cores, from one core's rate on a small sample."""
    tokenizer.encode(_SAMPLE[:1000])
    start = time.perf_counter()
    count = tokenizer.encode(_SAMPLE).size
    return count / (time.perf_counter() - start) * usable_cores()


def gigabytes(number: float) -> str:
    """Bytes for people: "0.2 GB", "20 GB", "3 MB"."""
    return f"{number / GB:.3g} GB" if number >= 0.1 * GB else f"{number / 1e6:.3g} MB"
