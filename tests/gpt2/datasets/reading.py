"""What tests of readers share: files to read, and that every position gives exactly the rest."""

import gzip
import json

import pyarrow
import pyarrow.parquet
from hypothesis import HealthCheck, settings

small = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def texts_of(chunks):
    return [text for chunk in chunks for text in chunk.texts]


def check_positions(read, expected):
    """Reading from every chunk's position, through JSON, gives exactly the rest; so does reading
    from the positions that come from there: a preparation may be killed more than once."""
    chunks = list(read(None))
    assert texts_of(chunks) == expected
    for number, chunk in enumerate(chunks):
        position = json.loads(json.dumps(chunk.position))
        rest = [text for later in chunks[number:] for text in later.texts]
        again = list(read(position))
        assert texts_of(again) == rest
        second = json.loads(json.dumps(again[0].position))
        assert texts_of(read(second)) == rest
    return chunks


def write_parquet(path, texts, rows_in_group=7, column="text"):
    table = pyarrow.table({column: texts, "id": list(range(len(texts)))})
    pyarrow.parquet.write_table(table, path, row_group_size=rows_in_group)
    return path


def write_lines(path, values):
    return write_packed(path, "".join(json.dumps(value) + "\n" for value in values).encode())


def write_packed(path, data):
    """Packed as the name says."""
    if path.name.endswith(".gz"):
        data = gzip.compress(data)
    elif path.name.endswith(".zst"):
        data = pyarrow.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return path
