"""Texts of a parquet file, through Hugging Face `datasets` in streaming mode.

The file is cut at its row groups (`reshard`), and a position is the state that `datasets` gives:
taking it up again reads the row group of the position, and at most two that lie before it. Only
files on this machine are read, so nothing here asks the network; `datasets` would by itself count
each use with a request to its makers, which is switched off.
"""

import glob
import importlib.metadata
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpt2.datasets.documents import Chunk, Position
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, reading_failed

if TYPE_CHECKING:
    from datasets import IterableDataset

BATCH_ROWS = 128


def reader_version() -> str:
    """The version of what gives positions: another version may not understand them.

    Raises DataError if the packages are not installed; imports nothing, so that it can be asked
    before the network is.
    """
    try:
        importlib.metadata.version("pyarrow")
        return f"datasets {importlib.metadata.version('datasets')}"
    except importlib.metadata.PackageNotFoundError as error:
        raise _missing(error) from error


def read_parquet(path: Path, position: Position, column: str, cache: Path) -> Iterator[Chunk]:
    """Texts of one column, from a position of this file on; rows without a text are left out.

    Raises DataError for a file that is no parquet or has no such column of text.
    """
    import pyarrow

    try:
        if _check(path, column) == 0:
            return
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="parquet-", dir=cache) as scratch:
            yield from _read(_stream(path, column, scratch), position, column)
    except pyarrow.ArrowException as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise reading_failed(error, path) from error


def text_bytes(path: Path, column: str) -> int:
    """The size of a column's text before compression, from the file's footer alone.

    Raises DataError, as `read_parquet` does.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        _check(path, column)
        with pyarrow.parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
    except pyarrow.ArrowException as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise reading_failed(error, path) from error
    chunks = (group.column(n) for group in groups for n in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == column)


def _read(stream: "IterableDataset", position: Position, column: str) -> Iterator[Chunk]:
    if position is not None:
        stream.load_state_dict(position)
    before = stream.state_dict()
    batches = stream.iter(batch_size=BATCH_ROWS)
    try:
        for table in batches:
            texts = [text for text in table[column].to_pylist() if text]
            if texts:
                yield Chunk(before, texts, [True] * len(texts))
            before = stream.state_dict()
    finally:
        # Left to the garbage collector, it complains when the interpreter ends.
        batches.close()


def _stream(path: Path, column: str, scratch: str) -> "IterableDataset":
    stream = _datasets().load_dataset(
        "parquet",
        # The name is a pattern to `datasets`.
        data_files={"train": [glob.escape(str(path.absolute()))]},
        split="train",
        columns=[column],
        streaming=True,
        cache_dir=scratch,
    )
    return stream.reshard().with_format("arrow")


def _check(path: Path, column: str) -> int:
    """The number of rows. Raises DataError, or pyarrow's errors for a file that is no parquet."""
    import pyarrow.parquet
    import pyarrow.types

    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        if column not in schema.names:
            raise DataError(
                f"{path} has no column {column}; it has {', '.join(schema.names)}. Set "
                "CUSTOM_TEXT_COLUMN to the one with the text.",
                USAGE,
            )
        kind = schema.field(column).type
        if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
            raise DataError(
                f"The column {column} of {path} is no text but {kind}. Set CUSTOM_TEXT_COLUMN to "
                "the one with the text.",
                USAGE,
            )
        return file.metadata.num_rows


def _damaged(path: Path, error: Exception) -> DataError:
    what = str(error).splitlines()[0].rstrip(".")
    return DataError(
        f"{path} is no whole parquet file: {what}. Remove it, or put the right one in its place.",
        CORRUPT,
    )


def _missing(error: ImportError) -> DataError:
    return DataError(
        f"Reading parquet needs the packages datasets and pyarrow ({error}). Run `make setup "
        "EXTRAS=data`.",
        USAGE,
    )


def _datasets() -> Any:
    """The package, told to be silent and to ask nobody. Raises DataError if it is missing."""
    try:
        import datasets
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise _missing(error) from error
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    # It would import torch, for a counter that loaders with worker processes share.
    datasets.config.TORCH_AVAILABLE = False
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    return datasets
