"""A text in parts that are the text, and have the tokens of the whole."""

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from gpt2.datasets import plain
from gpt2.datasets.errors import CORRUPT, DataError
from gpt2.datasets.plain import read_plain
from gpt2.datasets.tokenizers import GPT2_PATTERN
from tests.gpt2.datasets.reading import small, texts_of

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
