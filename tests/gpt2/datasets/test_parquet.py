"""Rows of Parquet in order, and the rest of them from any position."""

import os
import socket
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

from gpt2.datasets.errors import CORRUPT, IO, USAGE, DataError
from gpt2.datasets.parquet import BATCH_ROWS, read_parquet, text_bytes
from lib.cli import ROOT
from tests.gpt2.datasets.reading import check_positions, texts_of, write_parquet


@pytest.mark.parametrize("rows_in_group", [3, 100, BATCH_ROWS, 1000])
def test_rows_of_parquet(tmp_path, rows_in_group):
    texts = [f"row {number}" * (number % 5 + 1) for number in range(300)]
    path = write_parquet(tmp_path / "a [b] *.parquet", texts, rows_in_group)
    cache = tmp_path / "cache"
    chunks = check_positions(lambda place: read_parquet(path, place, "text", cache), texts)
    assert all(all(chunk.begins) for chunk in chunks)
    assert len(chunks) == -(-300 // BATCH_ROWS)
    assert list(cache.iterdir()) == [], "nothing stays"


def test_a_position_opens_few_row_groups_and_none_far_before(tmp_path, monkeypatch):
    """What reads the row groups is pyarrow's fragment; it is asked from the right one on."""
    from datasets.packaged_modules.parquet.parquet import Parquet

    path = write_parquet(tmp_path / "a.parquet", [f"row {n}" for n in range(2000)], 100)
    asked = []

    def generate(self, files, row_groups_list):
        asked.extend(group for groups in row_groups_list for group in groups)
        return original(self, files, row_groups_list)

    original = Parquet._generate_tables
    chunks = list(read_parquet(path, None, "text", tmp_path))
    monkeypatch.setattr(Parquet, "_generate_tables", generate)
    position = chunks[10].position
    first = next(iter(read_parquet(path, position, "text", tmp_path)))
    assert first.texts == chunks[10].texts
    assert 10 * BATCH_ROWS // 100 - asked[0] in (0, 1, 2), "those it has cut into the batch"
    assert len(asked) < 8


def test_the_size_of_the_text_is_in_the_footer(tmp_path):
    texts = [f"{number:09d}" * 100 for number in range(200)]
    path = write_parquet(tmp_path / "a.parquet", texts, 50)
    assert text_bytes(path, "text") == pytest.approx(200 * 900, rel=0.1)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="no column body"):
        text_bytes(path, "body")


def test_empty_rows_are_left_out(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ["a", None, "", "b", None])
    assert texts_of(read_parquet(path, None, "text", tmp_path)) == ["a", "b"]
    empty = write_parquet(tmp_path / "b.parquet", pyarrow.array([], pyarrow.string()))
    assert list(read_parquet(empty, None, "text", tmp_path)) == []


TEXTS = ["a", None, "", "w\u00f6rld \U0001f600", "b"] * 40
BYTES = [None if text is None else text.encode() for text in TEXTS]


@pytest.mark.parametrize(
    "values",
    [
        pyarrow.array(TEXTS, pyarrow.large_string()),
        pyarrow.array(TEXTS, pyarrow.string_view()),
        pyarrow.array(TEXTS).dictionary_encode(),
        pyarrow.array(BYTES, pyarrow.binary()),
        pyarrow.array(BYTES, pyarrow.large_binary()),
        pyarrow.array(BYTES, pyarrow.binary_view()),
        pyarrow.array(BYTES).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_text_in_every_layout_that_writers_choose(tmp_path, values):
    path = write_parquet(tmp_path / "A.PARQUET", values, 64, column="page content \u672c")
    texts = [text for text in TEXTS if text]
    check_positions(lambda place: read_parquet(path, place, "page content \u672c", tmp_path), texts)
    assert text_bytes(path, "page content \u672c") > 0


def spoilt(kind):
    """One text that is no UTF-8, which pyarrow writes as it is."""
    offsets = pyarrow.array([0, 3], pyarrow.int32()).buffers()[1]
    bad = pyarrow.Array.from_buffers(
        pyarrow.string(), 1, [None, offsets, pyarrow.py_buffer(b"a\xffb")]
    )
    values = pyarrow.concat_arrays([pyarrow.array(["fine"] * 399), bad, pyarrow.array(["fine"])])
    return values.dictionary_encode() if kind == "dictionary" else values.cast(kind)


KINDS = ["string", "large_string", "string_view", "binary", "dictionary"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_resumed", [False, True])
def test_a_text_that_is_no_utf_8_is_named_with_its_row(tmp_path, kind, is_resumed):
    path = write_parquet(tmp_path / "part-1.parquet", spoilt(kind), 100)
    position = None
    if is_resumed:
        chunks = read_parquet(path, None, "text", tmp_path)
        position = [next(chunks) for _ in range(2)][1].position
        chunks.close()
    with pytest.raises(DataError, match=r"part-1\.parquet has no UTF-8 in row 399 ") as caught:
        list(read_parquet(path, position, "text", tmp_path))
    assert caught.value.exit_status == CORRUPT
    assert "of its column text: invalid start byte 0xff at byte 1" in str(caught.value)


@pytest.mark.parametrize(
    "beside",
    [
        pyarrow.array([[("a", 1)]] * 9, pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        pyarrow.array([b"0" * 16] * 9, pyarrow.uuid()),
        pyarrow.array([{"x": {"y": [1]}}] * 9),
        pyarrow.nulls(9),
    ],
    ids=lambda values: str(values.type),
)
def test_what_lies_beside_the_text_may_be_of_any_type(tmp_path, beside):
    path = tmp_path / "a.parquet"
    table = pyarrow.Table.from_arrays([beside, pyarrow.array(["a"] * 9)], names=["b", "text"])
    pyarrow.parquet.write_table(table, path)
    assert texts_of(read_parquet(path, None, "text", tmp_path)) == ["a"] * 9


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    columns = [pyarrow.array(["a"]), pyarrow.array(["b"]), pyarrow.array(["c"])]
    pyarrow.parquet.write_table(
        pyarrow.Table.from_arrays(columns, names=["text", "text", "body"]), path
    )
    with pytest.raises(DataError, match="has 2 columns text; it has text, text, body") as caught:
        list(read_parquet(path, None, "text", tmp_path))
    assert caught.value.exit_status == USAGE
    assert texts_of(read_parquet(path, None, "body", tmp_path)) == ["c"]


def test_a_missing_or_wrong_column_is_told(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ["a"], column="content")
    for column, what in (("text", "has no column text; it has content, id"), ("id", "is no text")):
        with pytest.raises(DataError, match=what) as caught:
            list(read_parquet(path, None, column, tmp_path))
        assert caught.value.exit_status == USAGE
        assert "CUSTOM_TEXT_COLUMN" in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"", lambda data: b"x" * 99]
)
def test_a_file_that_is_no_parquet_is_named(tmp_path, damage):
    path = write_parquet(tmp_path / "a.parquet", ["some text"] * 50)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="is no whole parquet file") as caught:
        list(read_parquet(path, None, "text", tmp_path))
    assert caught.value.exit_status == CORRUPT
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_page_that_is_spoilt_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"text": ["some text " * 9] * 5000})
    pyarrow.parquet.write_table(table, path, use_dictionary=False, compression="zstd")
    data = bytearray(path.read_bytes())
    data[4:30] = b"\xff" * 26
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.parquet") as caught:
        list(read_parquet(path, None, "text", tmp_path))
    assert caught.value.exit_status in (CORRUPT, IO)


def test_no_request_leaves_the_machine(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    path = write_parquet(tmp_path / "a.parquet", ["a"])
    assert texts_of(read_parquet(path, None, "text", tmp_path)) == ["a"]


def test_no_torch_is_loaded(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ["a"])
    code = "import sys; from pathlib import Path; from gpt2.datasets.parquet import read_parquet; "
    code += f"print(len(list(read_parquet(Path({str(path)!r}), None, 'text', Path('.')))))"
    code += "; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (answer.stdout, answer.stderr) == ("1\nFalse\n", "")


def test_a_reader_that_is_left_goes_quietly(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [f"row {n}" for n in range(1000)])
    chunks = read_parquet(path, None, "text", tmp_path / "cache")
    next(chunks)
    chunks.close()
    assert list((tmp_path / "cache").iterdir()) == []


def test_missing_packages_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    path = write_parquet(tmp_path / "a.parquet", ["a"])
    with pytest.raises(DataError, match="make setup EXTRAS=data") as caught:
        list(read_parquet(path, None, "text", tmp_path))
    assert caught.value.exit_status == USAGE
