"""Marks and the beginnings of other formats, in every way that a text comes in."""

import bz2
import gzip
import lzma
import zipfile

import pyarrow
import pytest

from gpt2.datasets.corpus import Request
from gpt2.datasets.custom import Custom
from gpt2.datasets.errors import CORRUPT, DataError
from gpt2.datasets.lines import read_lines
from gpt2.datasets.plain import read_plain
from tests.gpt2.datasets.reading import texts_of

MARK = b"\xef\xbb\xbf"
TEXT = "To be, or not to be\n" * 3


def in_memory(path):
    request = Request("custom", path.parent / "data", "", str(path), "char")
    return Custom().load(request, lambda line: None).pieces


READERS = {
    "memory": in_memory,
    "stream": lambda path: ["".join(texts_of(read_plain(path, None)))],
    "lines": lambda path: texts_of(read_lines(path, None, "text")),
}


@pytest.mark.parametrize("name", READERS)
def test_the_mark_of_utf_8_is_no_text(tmp_path, name):
    content = b'{"text": "a"}\n{"text": "\\ufeffb"}\n' if name == "lines" else TEXT.encode()
    path = tmp_path / "a.text"
    path.write_bytes(MARK + content)
    assert READERS[name](path) == (["a", "b"] if name == "lines" else [TEXT])


def test_a_mark_at_the_head_of_an_array_and_one_alone(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(MARK + b' [{"text": "a"}]')
    assert texts_of(read_lines(path, None, "text")) == ["a"]
    path.write_bytes(MARK)
    assert texts_of(read_lines(path, None, "text")) == []
    assert texts_of(read_plain(path, None)) == []


def test_a_mark_inside_of_a_text_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(MARK + b"one\n" + MARK + b"two")
    assert in_memory(path) == ["one\n\ufefftwo"]


def zipped(path, data):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", data)
    return path.read_bytes()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("UTF-16", lambda data, path: data.decode().encode("utf-16")),
        ("UTF-16", lambda data, path: b"\xfe\xff" + data.decode().encode("utf-16-be")),
        ("UTF-32", lambda data, path: data.decode().encode("utf-32")),
        ("UTF-32", lambda data, path: b"\0\0\xfe\xff" + data.decode().encode("utf-32-be")),
        ("gunzip", lambda data, path: gzip.compress(data)),
        ("bunzip2", lambda data, path: bz2.compress(data)),
        ("unxz", lambda data, path: lzma.compress(data)),
        ("unzstd", lambda data, path: pyarrow.compress(data, codec="zstd", asbytes=True)),
        ("unzip", lambda data, path: zipped(path, data)),
    ],
)
def test_what_begins_like_something_else_is_refused_by_name(tmp_path, name, what, make):
    path = tmp_path / "a.text"
    path.write_bytes(make(b'{"text": "some text of it"}\n', path))
    with pytest.raises(DataError, match="is not UTF-8 text: it begins like") as caught:
        READERS[name](path)
    assert caught.value.exit_status == CORRUPT
    assert str(path) in str(caught.value)
    assert what in str(caught.value)
