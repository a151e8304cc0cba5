"""Every kind of file gives its texts in order, and the rest of them from any position."""

import gzip
import json
import os
import socket
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest
import regex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gpt2.datasets import documents, lines, plain
from gpt2.datasets.articles import Articles, is_title
from gpt2.datasets.documents import Chunk, Documents, Pieces
from gpt2.datasets.errors import CORRUPT, IO, USAGE, DataError
from gpt2.datasets.files import FileDocuments, LocalFile
from gpt2.datasets.lines import read_lines
from gpt2.datasets.parquet import BATCH_ROWS, read_parquet, text_bytes
from gpt2.datasets.plain import read_plain
from gpt2.datasets.tokenizers import GPT2_PATTERN
from lib.cli import ROOT

small = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def texts_of(chunks):
    return [text for chunk in chunks for text in chunk.texts]


def check_positions(read, expected):
    """Reading from every chunk's position, through JSON, gives exactly the rest."""
    chunks = list(read(None))
    assert texts_of(chunks) == expected
    for number, chunk in enumerate(chunks):
        position = json.loads(json.dumps(chunk.position))
        rest = [text for later in chunks[number:] for text in later.texts]
        assert texts_of(read(position)) == rest
    return chunks


def write_parquet(path, texts, rows_in_group=7, column="text"):
    table = pyarrow.table({column: texts, "id": list(range(len(texts)))})
    pyarrow.parquet.write_table(table, path, row_group_size=rows_in_group)
    return path


# --- parquet ---


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


# --- JSON lines ---


def write_lines(path, values):
    data = "".join(json.dumps(value) + "\n" for value in values).encode()
    if path.name.endswith(".gz"):
        data = gzip.compress(data)
    elif path.name.endswith(".zst"):
        data = pyarrow.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_lines_of_json(tmp_path, monkeypatch, name):
    monkeypatch.setattr(lines, "CHUNK_CHARACTERS", 100)
    texts = [f"line {number} \u00e9\u4f60\n" * (number % 5 + 1) for number in range(60)]
    path = write_lines(tmp_path / name, [{"text": text, "id": 3} for text in texts])
    chunks = check_positions(lambda place: read_lines(path, place, "text"), texts)
    assert len(chunks) > 10


def test_lines_without_text_are_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n\n{"text": null}\n{"text": ""}\n{"text": "b"}')
    assert texts_of(read_lines(path, None, "text")) == ["a", "b"]


def test_half_a_character_becomes_a_sign(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a\\ud83dz"}\n{"text": "\\ud83d\\ude00"}\n')
    assert texts_of(read_lines(path, None, "text")) == ["a\ufffdz", "\U0001f600"]


@pytest.mark.parametrize(
    ("line", "status", "what"),
    [
        (b"{nonsense", CORRUPT, "at byte 14: it is not JSON"),
        (b"\xff\xfe", CORRUPT, "at byte 14: it is not JSON"),
        (b"[1]", USAGE, "has no text in the line at byte 14; it has no keys"),
        (b'{"content": "x"}', USAGE, "has no text in the line at byte 14; it has content"),
        (b'{"text": 3}', CORRUPT, "at byte 14: its text is no text"),
    ],
)
def test_a_bad_line_is_named_with_its_offset(tmp_path, line, status, what):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + line + b"\n")
    with pytest.raises(DataError, match=what) as caught:
        list(read_lines(path, None, "text"))
    assert caught.value.exit_status == status
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"plain text", None])
def test_a_torn_archive_is_named(tmp_path, name, damage):
    path = write_lines(tmp_path / name, [{"text": f"{n} some text"} for n in range(500)])
    data = path.read_bytes()
    path.write_bytes(damage(data) if damage else data[:100] + b"\0" * 50 + data[150:])
    with pytest.raises(DataError, match="cannot be read at byte") as caught:
        list(read_lines(path, None, "text"))
    assert caught.value.exit_status == CORRUPT


def test_a_file_that_is_not_there_is_told(tmp_path):
    for read in (read_plain, lambda path, place: read_lines(path, place, "text")):
        with pytest.raises(DataError, match="Cannot read") as caught:
            list(read(tmp_path / "none.jsonl", None))
        assert caught.value.exit_status == IO


# --- plain text ---

pieces = st.lists(
    st.sampled_from(
        ["a", "b.", "'", " ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\u4f60", "7"]
    )
)


@small
@given(pieces, st.integers(1, 12))
@example(pieces=["a"] * 10 + [" ", "a", " ", "a", " "], block=3)
def test_parts_of_a_text_are_the_text(tmp_path, pieces, block):
    text = "".join(pieces)
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "CHUNK_CHARACTERS", block)
        chunks = list(read_plain(path, None))
        assert "".join(texts_of(chunks)) == text
        assert [chunk.begins for chunk in chunks] == [[n == 0] for n in range(len(chunks))]
        for number, chunk in enumerate(chunks):
            assert texts_of(read_plain(path, chunk.position)) == texts_of(chunks[number:])


@small
@given(pieces, st.integers(1, 12))
def test_the_parts_have_the_tokens_of_the_whole(tmp_path, gpt2, pieces, block):
    text = "".join(pieces)
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "CHUNK_CHARACTERS", block)
        parts = texts_of(read_plain(path, None))
    assert [token for part in parts for token in gpt2.encode(part)] == gpt2.encode(text).tolist()


@small
@given(pieces, st.integers(1, 12))
def test_the_parts_have_the_tokens_of_the_whole_by_the_pattern(tmp_path, pieces, block):
    """The same without the vocabulary: GPT-2 merges only inside what its pattern finds."""
    text = "".join(pieces)
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "CHUNK_CHARACTERS", block)
        parts = texts_of(read_plain(path, None))
    found = [piece for part in parts for piece in regex.findall(GPT2_PATTERN, part)]
    assert found == regex.findall(GPT2_PATTERN, text)


def test_a_text_is_cut_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "CHUNK_CHARACTERS", 10)
    path = tmp_path / "a.txt"
    path.write_bytes(b"one two three\nfour " + "\u4f60".encode() * 9 + b" end of it")
    parts = texts_of(read_plain(path, None))
    assert len(parts) > 2
    assert parts[0] == "one two"
    assert all(part[0] in " \n" for part in parts[1:])


@pytest.mark.parametrize(
    ("data", "what"), [(b"ab cd\xffe", "the byte 0xff at 5"), (b"a b c\0d", "a zero byte at 5")]
)
def test_a_binary_file_is_named_with_its_offset(tmp_path, monkeypatch, data, what):
    monkeypatch.setattr(plain, "CHUNK_CHARACTERS", 4)
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=what) as caught:
        list(read_plain(path, None))
    assert caught.value.exit_status == CORRUPT


# --- files in a row, pieces, articles ---


def test_files_follow_one_another_whatever_their_kind(tmp_path):
    paths = [
        write_parquet(tmp_path / "a.parquet", ["1", "2"]),
        write_lines(tmp_path / "b.jsonl.gz", [{"text": "3"}]),
        tmp_path / "c.txt",
        write_parquet(tmp_path / "d.parquet", pyarrow.array([], pyarrow.string())),
        write_lines(tmp_path / "e.jsonl", [{"text": "5"}]),
    ]
    paths[2].write_text("4")
    source = FileDocuments([LocalFile(path) for path in paths], "text", tmp_path / "cache")
    chunks = check_positions(source.chunks, ["1", "2", "3", "4", "5"])
    assert [chunk.position[0] for chunk in chunks if chunk.texts] == [0, 1, 2, 4]
    assert [chunk.position[0] for chunk in chunks if not chunk.texts] == [1, 2, 3, 4]


class Counted:
    def __init__(self, path):
        self.path, self.uses, self.releases = path, 0, 0

    def local(self):
        self.uses += 1
        return self.path

    def release(self):
        self.releases += 1


def test_a_file_is_had_when_it_is_its_turn_and_let_go_behind(tmp_path):
    files = [Counted(write_parquet(tmp_path / f"{n}.parquet", [str(n)])) for n in range(4)]
    source = FileDocuments(files, "text", tmp_path)
    walk = source.chunks(None)
    next(walk)
    assert next(walk) == Chunk([1, None], [], [])
    assert [file.uses for file in files] == [1, 0, 0, 0]
    assert next(walk).texts == ["1"]
    source.release([2, None])
    assert [file.releases for file in files] == [1, 1, 0, 0]
    source.release([2, None])
    source.release(None)
    assert [file.releases for file in files] == [1, 1, 1, 1]


def test_pieces_have_a_separator_between_them():
    chunks = check_positions(Pieces(["a", "b", "c"]).chunks, ["a", "b", "c"])
    assert [chunk.begins for chunk in chunks] == [[False], [True], [True]]


@pytest.mark.parametrize(
    ("row", "title"),
    [
        (" = Robert Boulter = \n", True),
        (" = X = \n", True),
        (" = E = mc2 and more = \n", True),
        (" = = Career = = \n", False),
        (" = = = 2000 - 2005 = = = \n", False),
        ("", False),
        (" \n", False),
        (" In 2000 , x = 3 = y . \n", False),
    ],
)
def test_titles_of_articles(row, title):
    assert is_title(row) == title


class Rows(Documents):
    """Rows in chunks of a few; a position is the number of a chunk."""

    def __init__(self, rows, size):
        self.rows = [rows[first : first + size] for first in range(0, len(rows), size)]
        self.released = []

    def chunks(self, position):
        for number in range(position or 0, len(self.rows)):
            yield Chunk(number, self.rows[number], [True] * len(self.rows[number]))

    def release(self, position):
        self.released.append(position)


@small
@given(
    st.lists(st.integers(0, 5), max_size=12), st.integers(1, 7), st.booleans(), st.integers(1, 90)
)
def test_articles_are_their_rows_from_title_to_title(sizes, chunk, has_head, characters):
    articles = [
        [f" = Article {number} = \n", " = = Section = = \n", *[" Some text . \n"] * size]
        for number, size in enumerate(sizes)
    ]
    if has_head:
        articles.insert(0, [" text before any title \n"])
    rows = Rows([row for article in articles for row in article], chunk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpt2.datasets.articles.CHUNK_CHARACTERS", characters)
        check_positions(Articles(rows).chunks, ["".join(article) for article in articles])


def test_articles_let_go_of_rows():
    rows = Rows([" = A = \n"], 1)
    Articles(rows).release([3, 1])
    Articles(rows).release(None)
    assert rows.released == [3, None]


def test_a_chunk_is_worth_a_thread():
    assert documents.CHUNK_CHARACTERS >= 1 << 16
