import dataclasses
import json

import pytest

from gpt2.datasets.errors import CORRUPT, IO, DataError
from gpt2.datasets.manifest import (
    Manifest,
    Shard,
    Split,
    TokenizerInfo,
    read_manifest,
    write_manifest,
)


@pytest.fixture
def manifest():
    train = Split(900, 900, (Shard("train-00000.bin", 900, "a" * 64),))
    validation = Split(100, 101, (Shard("validation-00000.bin", 100, "b" * 64),))
    tokenizer = TokenizerInfo("char", 3, None, "\nab")
    return Manifest("custom", tokenizer, {"path": "/texts/a"}, train, validation)


def test_written_and_read_back(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert manifest.vocab_size == 3
    assert manifest.split("validation") is manifest.validation


def test_the_layout_is_the_documented_one(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    value = json.loads((tmp_path / "manifest.json").read_text())
    assert value == {
        "schema": 1,
        "dataset": "custom",
        "tokenizer": {"name": "char", "vocab_size": 3, "eot": None, "characters": "\nab"},
        "source": {"path": "/texts/a"},
        "splits": {
            "train": {
                "tokens": 900,
                "bytes": 900,
                "shards": [{"file": "train-00000.bin", "tokens": 900, "sha256": "a" * 64}],
            },
            "validation": {
                "tokens": 100,
                "bytes": 101,
                "shards": [{"file": "validation-00000.bin", "tokens": 100, "sha256": "b" * 64}],
            },
        },
        "hash": manifest.hash,
    }


def test_only_a_character_tokenizer_lists_characters():
    assert "characters" not in TokenizerInfo("bytes", 256, None).to_dict()


def test_the_hash_is_of_what_training_sees(manifest):
    elsewhere = dataclasses.replace(manifest, source={"path": "/other"})
    assert elsewhere.hash == manifest.hash
    shard = dataclasses.replace(manifest.train.shards[0], sha256="c" * 64)
    other_tokens = dataclasses.replace(manifest.train, shards=(shard,))
    others = [
        dataclasses.replace(manifest, train=other_tokens),
        dataclasses.replace(manifest, tokenizer=TokenizerInfo("bytes", 256, None)),
        dataclasses.replace(manifest, validation=dataclasses.replace(manifest.train, bytes=7)),
    ]
    assert len({manifest.hash} | {other.hash for other in others}) == 4


@pytest.mark.parametrize("name", ["none", "file/below"])
def test_no_manifest_is_none(tmp_path, name):
    (tmp_path / "file").write_text("")
    assert read_manifest(tmp_path / name) is None


def damaged(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read_manifest(folder)
    assert caught.value.exit_status == CORRUPT
    assert f"Remove {folder}" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1', "\udcff"])
def test_a_torn_manifest_is_recognised(tmp_path, text):
    (tmp_path / "manifest.json").write_text("")
    with open(tmp_path / "manifest.json", "w", errors="surrogateescape") as file:
        file.write(text)
    with pytest.raises(DataError, match="is not JSON"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", '{"schema": 2}', "{}"])
def test_another_schema_is_recognised(tmp_path, text):
    assert "schema 1" in damaged(tmp_path, text)


@pytest.mark.parametrize("key", ["dataset", "tokenizer", "source", "splits"])
@pytest.mark.parametrize("has_value", [False, True])
def test_a_lacking_field_is_recognised(tmp_path, manifest, key, has_value):
    value = manifest.to_dict()
    del value[key]
    if has_value and key != "dataset":
        value[key] = 5
    assert "field" in damaged(tmp_path, json.dumps(value))


def test_an_edited_manifest_is_recognised(tmp_path, manifest):
    value = manifest.to_dict()
    value["splits"]["train"]["bytes"] += 1
    assert "changed" in damaged(tmp_path, json.dumps(value))


def test_an_unreadable_manifest_is_told(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert caught.value.exit_status == IO
