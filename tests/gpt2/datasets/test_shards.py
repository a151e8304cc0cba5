import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.datasets import shards
from gpt2.datasets.errors import CORRUPT, MISSING, DataError
from gpt2.datasets.manifest import Manifest, TokenizerInfo, write_manifest
from gpt2.datasets.shards import HEADER, ShardWriter, TokenStream, open_dataset, verify


def tokens_of(count, vocab_size=256):
    return np.random.default_rng(0).integers(0, vocab_size, count).astype("<u2")


def prepared(folder, train, validation, shard_tokens=shards.SHARD_TOKENS, vocab_size=256):
    splits = []
    for name, tokens in (("train", train), ("validation", validation)):
        writer = ShardWriter(folder, name, vocab_size, shard_tokens)
        writer.write(tokens)
        splits.append(writer.close(text_bytes=tokens.size))
    tokenizer = TokenizerInfo("bytes", vocab_size, None)
    manifest = Manifest("pystdlib", tokenizer, {}, splits[0], splits[1])
    write_manifest(folder, manifest)
    return manifest


@pytest.fixture
def folder(tmp_path):
    prepared(tmp_path, tokens_of(1000), tokens_of(100))
    return tmp_path


def opening_fails(folder):
    with pytest.raises(DataError) as caught:
        open_dataset(folder)
    assert str(folder / "train-00000.bin") in str(caught.value)
    assert f"Remove {folder}" in str(caught.value)
    return caught.value


def test_written_and_read_back(folder):
    dataset = open_dataset(folder)
    np.testing.assert_array_equal(dataset.train.window(0, 1000), tokens_of(1000))
    np.testing.assert_array_equal(dataset.validation.window(0, 100), tokens_of(100))
    assert len(dataset.train) == dataset.manifest.train.tokens == 1000
    verify(dataset)


def test_the_layout_is_the_documented_one(folder):
    data = (folder / "train-00000.bin").read_bytes()
    assert data[:8] == b"BBTOKENS"
    assert data[8:24] == bytes([1, 0, 0, 0, 2, 0, 0, 0, 232, 3, 0, 0, 0, 0, 0, 0])
    assert data[24:] == tokens_of(1000).astype("<u2").tobytes()
    assert open_dataset(folder).manifest.train.shards[0].sha256 == hashlib.sha256(data).hexdigest()


def test_tokens_are_mapped_not_copied_and_cannot_be_written(folder):
    window = open_dataset(folder).train.window(0, 10)
    assert not window.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        window[0] = 1


@pytest.mark.parametrize("pieces", [[23], [1] * 23, [10, 13], [0, 23, 0]])
def test_files_are_cut_at_the_limit_whatever_the_pieces(tmp_path, pieces):
    tokens = tokens_of(23)
    writer = ShardWriter(tmp_path, "train", 256, shard_tokens=10)
    for piece in np.split(tokens, np.cumsum(pieces)[:-1]):
        writer.write(piece)
    split = writer.close(text_bytes=23)
    assert [shard.tokens for shard in split.shards] == [10, 10, 3]
    assert [shard.file for shard in split.shards] == [f"train-0000{n}.bin" for n in range(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [s.file for s in split.shards]


def test_a_token_without_an_embedding_is_not_written(tmp_path):
    writer = ShardWriter(tmp_path, "train", 100)
    with pytest.raises(AssertionError, match="no embedding"):
        writer.write(np.array([5, 100], dtype="<u2"))


def test_a_vocabulary_that_does_not_fit_two_bytes_is_refused(tmp_path):
    with pytest.raises(AssertionError):
        ShardWriter(tmp_path, "train", 65_537)


def test_tokens_of_another_type_are_refused(tmp_path):
    with pytest.raises(AssertionError):
        ShardWriter(tmp_path, "train", 256).write(np.array([1, 2], dtype=np.int64))


def test_a_failed_write_leaves_no_file(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "sha256_file", fail)
    writer = ShardWriter(tmp_path, "train", 256)
    writer.write(tokens_of(10))
    with pytest.raises(OSError, match="No space"):
        writer.close(text_bytes=10)
    assert list(tmp_path.iterdir()) == []


# --- damage ---


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_foreign_file_is_recognised(folder):
    overwrite(folder / "train-00000.bin", 0, b"\x7fELF")
    error = opening_fails(folder)
    assert error.exit_status == CORRUPT
    assert "byte 0 begins" in str(error)


@pytest.mark.parametrize(("offset", "what"), [(8, "version 9"), (12, "9 bytes a token")])
def test_another_layout_is_recognised(folder, offset, what):
    overwrite(folder / "train-00000.bin", offset, b"\x09")
    assert what in str(opening_fails(folder))


def test_another_count_is_recognised(folder):
    overwrite(folder / "train-00000.bin", 16, b"\x09")
    assert "at byte 16; the manifest says 1,000" in str(opening_fails(folder))


@pytest.mark.parametrize("change", [-1, -2, 2])
def test_another_length_is_recognised(folder, change):
    path = folder / "train-00000.bin"
    data = path.read_bytes()
    path.write_bytes(data[:change] if change < 0 else data + b"\0" * change)
    error = opening_fails(folder)
    assert error.exit_status == CORRUPT
    assert f"has {2024 + change:,} bytes; 1,000 tokens take 2,024" in str(error)


@pytest.mark.parametrize("size", [0, 1, HEADER.size - 1])
def test_a_torn_header_is_recognised(folder, size):
    path = folder / "train-00000.bin"
    path.write_bytes(path.read_bytes()[:size])
    assert f"ends at byte {size}, inside its header" in str(opening_fails(folder))


def test_a_missing_file_is_named(folder):
    (folder / "train-00000.bin").unlink()
    assert opening_fails(folder).exit_status == MISSING


def test_an_unreadable_file_is_named(folder):
    (folder / "train-00000.bin").unlink()
    (folder / "train-00000.bin").mkdir()
    with pytest.raises(DataError, match="Cannot read"):
        open_dataset(folder)


def test_verify_finds_a_flipped_byte_that_opening_does_not(folder):
    overwrite(folder / "train-00000.bin", HEADER.size + 101, b"\x00")  # a high byte: 0 already
    verify(open_dataset(folder))
    original = (folder / "train-00000.bin").read_bytes()
    overwrite(folder / "train-00000.bin", HEADER.size + 100, bytes([original[124] ^ 1]))
    with pytest.raises(DataError, match="changed after it was prepared") as caught:
        verify(open_dataset(folder))
    assert caught.value.exit_status == CORRUPT
    assert str(folder / "train-00000.bin") in str(caught.value)


def test_verify_says_where_an_impossible_token_is(folder):
    overwrite(folder / "validation-00000.bin", HEADER.size + 51, b"\x01")
    with pytest.raises(DataError, match=r"outside the 256 known ones, at byte 74"):
        verify(open_dataset(folder))


def test_verify_says_that_a_file_cannot_be_read(folder):
    dataset = open_dataset(folder)
    (folder / "train-00000.bin").unlink()
    with pytest.raises(DataError, match="Cannot read"):
        verify(dataset)


@pytest.mark.parametrize(
    ("name", "dataset"), [("shakespeare", "shakespeare"), ("custom-12345678", "custom")]
)
def test_what_is_not_prepared_names_the_command(tmp_path, name, dataset):
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path / name)
    assert caught.value.exit_status == MISSING
    assert f"python gpt2/prepare_data.py --dataset {dataset}" in str(caught.value)


def test_a_manifest_that_counts_other_tokens_is_a_defect(folder):
    manifest = open_dataset(folder).manifest
    train = dataclasses.replace(manifest.train, tokens=999)
    write_manifest(folder, dataclasses.replace(manifest, train=train))
    with pytest.raises(AssertionError):
        open_dataset(folder)


# --- the stream over several files ---


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_windows_do_not_depend_on_the_cuts(data):
    sizes = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    tokens = np.arange(sum(sizes)).astype("<u2")
    stream = TokenStream("train", np.split(tokens, np.cumsum(sizes)[:-1]))
    length = data.draw(st.integers(1, tokens.size))
    last = tokens.size - length
    starts = np.array(data.draw(st.lists(st.integers(0, last), max_size=10)), dtype=np.int64)
    expected = starts[:, np.newaxis] + np.arange(length)
    np.testing.assert_array_equal(stream.windows(starts, length), expected)
    for start in starts:
        window = stream.window(int(start), length)
        np.testing.assert_array_equal(window, tokens[start : start + length])


def test_gathered_windows_are_copies():
    stream = TokenStream("train", [tokens_of(100)])
    rows = stream.windows(np.array([0, 1]), 10)
    assert rows.flags.owndata
    assert rows.flags.writeable
    assert rows.dtype == np.uint16


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (99, 2), (0, 101), (5, 0)])
def test_a_window_outside_the_split_is_a_defect(start, length):
    stream = TokenStream("train", [tokens_of(100)])
    with pytest.raises(AssertionError):
        stream.window(start, length)
    if length:
        with pytest.raises(AssertionError):
            stream.windows(np.array([start]), length)
