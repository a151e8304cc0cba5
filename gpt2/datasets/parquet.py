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
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, listed, reading_failed, shown

if TYPE_CHECKING:
    from datasets import IterableDataset

BATCH_ROWS = 128

# By their names in pyarrow.types.
_TEXTS = ("string", "large_string", "string_view")
_BYTES = ("binary", "large_binary", "binary_view")


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
            yield from _read(_stream(path, column, scratch), position, path, column)
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


def _read(
    stream: "IterableDataset", position: Position, path: Path, column: str
) -> Iterator[Chunk]:
    # Until it is read from, a stream that was given a state says that it is at its beginning.
    before = stream.state_dict() if position is None else position
    if position is not None:
        stream.load_state_dict(position)
    batches = stream.iter(batch_size=BATCH_ROWS)
    try:
        for table in batches:
            try:
                texts = _decoded(table[column])
            except UnicodeDecodeError as error:
                raise _invalid(path, column, error) from error
            if texts:
                yield Chunk(before, texts, [True] * len(texts))
            before = stream.state_dict()
    finally:
        # Left to the garbage collector, it complains when the interpreter ends.
        batches.close()


def _decoded(values: Any) -> list[str]:
    """The texts of a column, where there are any. Raises UnicodeDecodeError: no writer of parquet
    has to look whether what it calls text is UTF-8."""
    return [_text(value) for value in values.to_pylist() if value]


def _text(value: str | bytes) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _invalid(path: Path, column: str, error: UnicodeDecodeError) -> DataError:
    """Finds the row, which a stream that was taken up inside of a file does not know."""
    import pyarrow.parquet

    row = 0
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=[column]):
            for value in batch.column(column):
                try:
                    _text(value.as_py() or "")
                except UnicodeDecodeError:
                    return DataError(
                        f"{path} has no UTF-8 in row {row} (the first is 0) of its column "
                        f"{column}: {error.reason} {error.object[error.start]:#04x} at byte "
                        f"{error.start} of the text. Write that text anew, or leave the row out.",
                        CORRUPT,
                    )
                row += 1
    raise AssertionError(f"{path}: the reader found {error}, and the rows have none")


def _stream(path: Path, column: str, scratch: str) -> "IterableDataset":
    datasets = _datasets()
    stream = datasets.load_dataset(
        "parquet",
        # The name is a pattern to `datasets`.
        data_files={"train": [glob.escape(str(path.absolute()))]},
        split="train",
        columns=[column],
        # Told rather than looked up: it knows no maps and no extension types, and would refuse a
        # file for a column that nobody asks for.
        features=datasets.Features({column: datasets.Value(_read_as(path, column))}),
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
        number = schema.names.count(column)
        if number != 1:
            what = f"{number} columns {column}" if number else f"no column {column}"
            raise DataError(
                f"{path} has {what}; it has {listed([shown(name) for name in schema.names])}. Set "
                "CUSTOM_TEXT_COLUMN to the one with the text.",
                USAGE,
            )
        kind = schema.field(column).type
        if not _is_text(kind):
            raise DataError(
                f"The column {column} of {path} is no text but {kind}. Set CUSTOM_TEXT_COLUMN to "
                "the one with the text.",
                USAGE,
            )
        return file.metadata.num_rows


def _is_text(kind: Any) -> bool:
    """Text, bytes of text, or categories of these, in whatever layout the writer has chosen."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(getattr(types, f"is_{name}")(kind) for name in (*_TEXTS, *_BYTES))


def _read_as(path: Path, column: str) -> str:
    """The layout in which texts come: their own where it is the common one."""
    import pyarrow.parquet
    from pyarrow import types

    with pyarrow.parquet.ParquetFile(path) as file:
        kind = file.schema_arrow.field(column).type
    if types.is_string(kind):
        return "string"
    kind = kind.value_type if types.is_dictionary(kind) else kind
    is_bytes = any(getattr(types, f"is_{name}")(kind) for name in _BYTES)
    return "large_binary" if is_bytes else "large_string"


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
