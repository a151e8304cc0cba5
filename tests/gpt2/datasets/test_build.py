import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2.datasets import build as building
from gpt2.datasets.build import build_dataset, split_pieces
from gpt2.datasets.corpus import Material
from gpt2.datasets.errors import CORRUPT, IO, USAGE, DataError
from gpt2.datasets.manifest import TokenizerInfo, read_manifest
from gpt2.datasets.shards import open_dataset, verify
from gpt2.datasets.tokenizers import ByteTokenizer, CharacterTokenizer


class WithEndOfText(ByteTokenizer):
    """Bytes, but files are separated by a token of no text, as with GPT-2's."""

    info = TokenizerInfo("gpt2", 300, 299)
    separator_bytes = 0

    def separator(self):
        return np.array([299], dtype="<u2")


def made(folder, pieces, tokenizer=None):
    material = Material(pieces, tokenizer or ByteTokenizer(), {"from": "a test"})
    build_dataset(folder, "custom", material, lambda line: None)
    return open_dataset(folder)


def everything(stream):
    return stream.window(0, len(stream)).tolist()


@given(st.lists(st.text()))
def test_the_split_is_contiguous_and_loses_nothing(pieces):
    train, validation = split_pieces(pieces, 10)
    text = "".join(pieces)
    assert "".join(train) == text[: len(text) * 9 // 10]
    assert "".join(validation) == text[len(text) * 9 // 10 :]
    assert "" not in train + validation


def test_a_cut_inside_a_piece_makes_no_separator(tmp_path):
    dataset = made(tmp_path, ["abcdefgh", "ijklmnopqrst"])
    assert bytes(everything(dataset.train)) == b"abcdefgh\nijklmnopqr"
    assert bytes(everything(dataset.validation)) == b"st"
    assert dataset.manifest.train.bytes == 19
    verify(dataset)


def test_bytes_count_the_text_in_utf8(tmp_path):
    text = "\u00e9" * 100
    by_character = made(tmp_path / "a", [text], CharacterTokenizer.of([text])).manifest
    assert (by_character.train.tokens, by_character.train.bytes) == (90, 180)
    assert (by_character.validation.tokens, by_character.validation.bytes) == (10, 20)
    by_byte = made(tmp_path / "b", [text]).manifest
    assert (by_byte.train.tokens, by_byte.train.bytes) == (180, 180)


def test_an_end_of_text_token_is_no_text(tmp_path):
    dataset = made(tmp_path, ["abcd", "efgh", "ij" * 6], WithEndOfText())
    assert everything(dataset.train) == [*b"abcd", 299, *b"efgh", 299, *b"ijijijijij"]
    assert dataset.manifest.train.bytes == 18


def test_the_same_text_has_the_same_hash(tmp_path):
    pieces = ["some text " * 10]
    assert made(tmp_path / "a", pieces).manifest.hash == made(tmp_path / "b", pieces).manifest.hash


@pytest.mark.parametrize("text", ["a", "ab", "abcdefghij"])
def test_a_text_that_is_too_short_is_told_and_leaves_nothing(tmp_path, text):
    with pytest.raises(DataError, match="too short") as caught:
        made(tmp_path, [text])
    assert caught.value.exit_status == CORRUPT
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_is_replaced(tmp_path):
    made(tmp_path, ["old text " * 10])
    for name in (".train-00000.bin.tmp-1", ".manifest.json.tmp-1", "train-00007.bin"):
        (tmp_path / name).write_text("left by a killed preparation")
    dataset = made(tmp_path, ["new text " * 10])
    assert bytes(everything(dataset.train)).startswith(b"new text")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["manifest.json", "train-00000.bin", "validation-00000.bin"]


def test_a_failure_leaves_no_manifest_and_no_tokens(tmp_path, monkeypatch):
    made(tmp_path, ["old text " * 10])

    def full(folder, manifest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "write_manifest", full)
    with pytest.raises(DataError, match="No space left") as caught:
        made(tmp_path, ["new text " * 10])
    assert caught.value.exit_status == IO
    assert "180 bytes needed" in str(caught.value)
    assert read_manifest(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(DataError, match="in the way") as caught:
        made(tmp_path / "data" / "custom", ["some text " * 10])
    assert caught.value.exit_status == IO


def test_a_path_with_spaces_and_other_letters(tmp_path):
    folder = tmp_path / "my data \u00e9\u4f60" / ("long" * 50)
    assert len(made(folder, ["some text " * 10]).train) == 90


@pytest.mark.parametrize(
    ("name", "content"),
    [("manifest.json", b'{"name": "a browser extension"}'), ("train-00000.bin", b"llm.c's own")],
)
def test_what_somebody_else_has_there_is_not_replaced(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} was not made here") as caught:
        made(tmp_path, ["some text"])
    assert caught.value.exit_status == USAGE
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("name", ["manifest.json", "train-00000.bin"])
def test_what_is_ours_and_torn_is_made_anew(tmp_path, name):
    made(tmp_path, ["some text " * 9])
    (tmp_path / name).write_bytes(b"\0" * 7)
    assert bytes(everything(made(tmp_path, ["other" * 20]).train)) == b"other" * 18
