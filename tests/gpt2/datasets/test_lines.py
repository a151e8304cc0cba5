"""Lines and arrays of JSON, packed or not, and the rest of them from any position."""

import json

import pytest

from gpt2.datasets import lines
from gpt2.datasets.errors import CORRUPT, IO, USAGE, DataError
from gpt2.datasets.lines import LINE_SUFFIXES, is_json, read_lines
from gpt2.datasets.plain import read_plain
from tests.gpt2.datasets.reading import check_positions, texts_of, write_lines, write_packed


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_lines_of_json(tmp_path, monkeypatch, name):
    monkeypatch.setattr(lines, "CHUNK_CHARACTERS", 100)
    texts = [f"line {number} \u00e9\u4f60\n" * (number % 5 + 1) for number in range(60)]
    path = write_lines(tmp_path / name, [{"text": text, "id": 3} for text in texts])
    chunks = check_positions(lambda place: read_lines(path, place, "text"), texts)
    assert len(chunks) > 10


def test_all_suffixes_of_json():
    assert len(set(LINE_SUFFIXES)) == 9


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.ndjson.zst"])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_objects(tmp_path, monkeypatch, name, indent):
    monkeypatch.setattr(lines, "CHUNK_CHARACTERS", 100)
    texts = [f"text {number} \u00e9\u4f60\n" * (number % 5 + 1) for number in range(60)]
    data = json.dumps([{"id": 3, "text": text} for text in texts], indent=indent)
    path = write_packed(tmp_path / name, f"\n {data}\n".encode())
    chunks = check_positions(lambda place: read_lines(path, place, "text"), texts)
    assert len(chunks) > 10


def test_an_array_without_objects_has_no_texts(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[]")
    assert texts_of(read_lines(path, None, "text")) == []
    path.write_text('[{"text": "a"}, "b"]')
    with pytest.raises(DataError, match="no text in element 1 of what it holds; it has no keys"):
        list(read_lines(path, None, "text"))


def test_an_object_over_several_lines(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"id": 1, "text": "a\nb"}, indent=1))
    check_positions(lambda place: read_lines(path, place, "text"), ["a\nb"])
    path.write_text(json.dumps({"text": "a"}, indent=1) * 2)
    with pytest.raises(DataError, match="at byte 0: it is not JSON"):
        list(read_lines(path, None, "text"))


def test_what_lies_beside_the_text_may_be_anything(tmp_path):
    path = tmp_path / "a.jsonl"
    beside = ["NaN", "-Infinity", "7" * 5000, "1e999", '{"text": "inner", "text": 1}', "[[[]]]"]
    path.write_text("".join(f'{{"a": {value}, "text": "x", "a": 1}}\n' for value in beside))
    assert texts_of(read_lines(path, None, "text")) == ["x"] * len(beside)


@pytest.mark.parametrize("key", ["page content", "\u672c\u6587", "a.b", "", 'say "it"', "\ud800"])
def test_any_key(tmp_path, key):
    path = write_lines(tmp_path / "a.jsonl", [{key: "a", "other": "b"}])
    assert texts_of(read_lines(path, None, key)) == ["a"]


@pytest.mark.parametrize(
    ("head", "is_so"),
    [
        (b'{"text": "a"}\n{"text": "b"}\n', True),
        (b'\xef\xbb\xbf {"text": "a"}', True),
        (b'{"text": "a long line that does not e', True),
        (b'{\n  "text": "a"\n}', True),
        (b'[\n{"text": "a"}]', True),
        (b"{\\bf bold} words", False),
        (b"{}'s are braces", False),
        (b"[1] A reference.", False),
        (b"[a link](there)", False),
        (b"", False),
        (b"\xff{", False),
    ],
)
def test_what_begins_like_json(head, is_so):
    assert is_json(head) == is_so


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
        (b"\xff\xfe", CORRUPT, "at byte 14: the byte 0xff in it is not UTF-8"),
        (b'{"text": "a\xe9"}', CORRUPT, "at byte 14: the byte 0xe9 in it is not UTF-8"),
        (b'{"text": "a"} {"text": "b"}', CORRUPT, "at byte 14: it is not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"}", CORRUPT, "at byte 14: it is nested too deeply"),
        (b'{"text": "a", "text": "b"}', CORRUPT, "at byte 14: it has the key text 2 times"),
        (b'{"text": 1, "text": "b"}', CORRUPT, "at byte 14: it has the key text 2 times"),
        (b'{"text": NaN}', CORRUPT, "at byte 14: its text is no text"),
        (b'{"text": 12345678901234567890}', CORRUPT, "at byte 14: its text is no text"),
        (b'{"text": ["a"]}', CORRUPT, "at byte 14: its text is no text"),
        (b'{"\\ud800": "x"}', USAGE, r"it has '\\ud800'"),
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
