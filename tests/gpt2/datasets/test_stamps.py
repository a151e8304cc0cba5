"""Unchanged files are not read again, and changed ones always are."""

import json
import os
import shutil

import numpy as np
import pytest

from gpt2.datasets import shards, stamps
from gpt2.datasets.errors import CORRUPT, DataError
from gpt2.datasets.manifest import Manifest, TokenizerInfo, write_manifest
from gpt2.datasets.shards import HEADER, ShardWriter, open_dataset, verify


@pytest.fixture
def reads(monkeypatch):
    """The files that were read as a whole, by name."""
    read = []

    def count(path):
        read.append(path.name)
        return digest(path)

    digest = shards.sha256_file
    monkeypatch.setattr(shards, "sha256_file", count)
    return read


@pytest.fixture
def folder(tmp_path, monkeypatch, reads):
    """A dataset that counts as large, and whose files count as old enough."""
    monkeypatch.setattr(stamps, "SMALL_BYTES", 0)
    monkeypatch.setattr(stamps, "SETTLED_NS", 0)
    splits = []
    for name in ("train", "validation"):
        writer = ShardWriter(tmp_path, name, 256, 10)
        writer.write(np.arange(25).astype("<u2"))
        splits.append(writer.close(text_bytes=25))
    info = TokenizerInfo("bytes", 256, None)
    write_manifest(tmp_path, Manifest("custom", info, {}, splits[0], splits[1]))
    reads.clear()
    return tmp_path


def flip(path):
    with open(path, "r+b") as file:
        file.seek(HEADER.size)
        file.write(b"\x09")


def test_what_was_compared_is_not_read_again(folder, reads):
    verify(open_dataset(folder))
    assert len(reads) == 6
    verify(open_dataset(folder))
    assert len(reads) == 6
    verify(open_dataset(folder), is_full=True)
    assert len(reads) == 12


def test_a_small_dataset_is_always_read(folder, reads, monkeypatch):
    monkeypatch.setattr(stamps, "SMALL_BYTES", 101)
    for count in (6, 12):
        verify(open_dataset(folder))
        assert len(reads) == count
    assert not (folder / stamps.STAMPS_NAME).exists()


def test_a_changed_byte_stops(folder):
    verify(open_dataset(folder))
    flip(folder / "train-00001.bin")
    with pytest.raises(
        DataError, match=r"train-00001\.bin changed after it was prepared"
    ) as caught:
        verify(open_dataset(folder))
    assert caught.value.exit_status == CORRUPT


def test_a_changed_byte_stops_though_its_time_was_set_back(folder):
    path = folder / "train-00001.bin"
    verify(open_dataset(folder))
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(DataError, match="changed after it was prepared"):
        verify(open_dataset(folder))


def test_a_file_in_its_place_is_read(folder, reads):
    verify(open_dataset(folder))
    reads.clear()
    path = folder / "train-00001.bin"
    shutil.copy2(path, folder / "copy")
    os.replace(folder / "copy", path)
    verify(open_dataset(folder))
    assert reads == ["train-00001.bin"]


def test_a_bad_file_loses_its_stamp_and_is_read_until_it_is_right(folder, reads):
    verify(open_dataset(folder))
    path = folder / "train-00001.bin"
    flip(path)
    for _ in range(2):
        with pytest.raises(DataError, match="changed"):
            verify(open_dataset(folder))


def test_another_digest_in_the_manifest_is_another_file(folder):
    verify(open_dataset(folder))
    assert stamps.Stamps(folder).holds(
        folder / "train-00000.bin", open_dataset(folder).manifest.train.shards[0].sha256
    )
    assert not stamps.Stamps(folder).holds(folder / "train-00000.bin", "0" * 64)


def test_what_was_written_just_now_gets_no_stamp(folder, reads, monkeypatch):
    monkeypatch.setattr(stamps, "SETTLED_NS", 3_600_000_000_000)
    for count in (6, 12):
        verify(open_dataset(folder))
        assert len(reads) == count


def test_what_changes_while_it_is_read_gets_no_stamp(folder, monkeypatch):
    path = folder / "train-00001.bin"
    before = path.stat()
    os.utime(path)
    seen = stamps.Stamps(folder)
    seen.add(path, before, "0" * 64)
    assert not seen.holds(path, "0" * 64)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"train-00000.bin": 3}'])
def test_damaged_stamps_are_as_none(folder, reads, text):
    (folder / stamps.STAMPS_NAME).write_text(text)
    verify(open_dataset(folder))
    assert len(reads) == 6
    assert len(json.loads((folder / stamps.STAMPS_NAME).read_text())) == 6


def test_a_folder_that_cannot_be_written_is_only_slower(folder, reads, monkeypatch):
    def refuse(path, text):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(stamps, "write_atomic", refuse)
    for count in (6, 12):
        verify(open_dataset(folder))
        assert len(reads) == count
