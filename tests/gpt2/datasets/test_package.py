"""The package gpt2.datasets as a whole: preparing, once and again, and who waits for whom."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from gpt2.datasets import (
    CORPORA,
    DataError,
    build,
    dataset_folder,
    open_dataset,
    prepare,
    read_manifest,
    verify,
)
from lib.cli import ROOT


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("some text to learn " * 100)
    return path


def prepare_text(text, told=None):
    """Prepare a custom text beside itself."""
    lines = told if told is not None else []
    return prepare("custom", text.parent / "data", "", str(text), "char", lines.append)


def folder_of(text):
    return dataset_folder("custom", text.parent / "data", str(text), "char")


def test_every_dataset_is_an_option_and_has_a_line():
    declared = (ROOT / "gpt2" / "Kconfig.data").read_text()
    for name, corpus in CORPORA.items():
        assert f"config DATASET_{name.upper().replace('-', '_')}\n" in declared
        assert corpus.description
        assert len(corpus.description) < 80
    assert len(re.findall(r"\nconfig DATASET_\w+\n\tbool", declared)) == len(CORPORA)


def test_prepared_once_and_left_alone(text):
    told = []
    first = prepare_text(text, told)
    assert told == ["tokenising 1,900 bytes (char)"]
    stamps = {path: path.stat().st_mtime_ns for path in folder_of(text).iterdir()}
    assert prepare_text(text, told) == first == read_manifest(folder_of(text))
    assert len(told) == 1
    assert stamps == {path: path.stat().st_mtime_ns for path in folder_of(text).iterdir()}


def test_what_is_damaged_is_prepared_again(text):
    manifest = prepare_text(text)
    shard = folder_of(text) / "train-00000.bin"
    for damage in (shard.unlink, lambda: shard.write_bytes(b"torn")):
        damage()
        told = []
        assert prepare_text(text, told) == manifest
        assert str(shard) in told[0]
        verify(open_dataset(folder_of(text)))
    (folder_of(text) / "manifest.json").write_text("{")
    assert prepare_text(text) == manifest


def test_a_folder_of_another_dataset_is_replaced(tmp_path, text):
    prepare_text(text)
    folder_of(text).rename(tmp_path / "data" / "pystdlib")
    told = []
    manifest = prepare("pystdlib", tmp_path / "data", "", None, None, told.append)
    assert manifest.dataset == "pystdlib"
    assert "holds custom" in told[0]


def test_a_changed_text_is_not_mixed_in(text):
    prepare_text(text)
    text.write_text("something else " * 100)
    with pytest.raises(DataError, match="prepare it again"):
        prepare_text(text)


def test_an_unknown_dataset_is_told(tmp_path):
    with pytest.raises(DataError, match="DATASET=enwik8 is unknown") as caught:
        prepare("enwik8", tmp_path, "", None, None, lambda line: None)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("name", "train", "validation"),
    [("shakespeare", 301_966, 36_059), ("shakespeare-char", 1_003_854, 111_540)],
)
def test_shakespeare_has_the_known_counts(tmp_path, real_mirror, name, train, validation):
    manifest = prepare(name, tmp_path, real_mirror, None, None, lambda line: None)
    assert (manifest.train.tokens, manifest.validation.tokens) == (train, validation)
    assert (manifest.train.bytes, manifest.validation.bytes) == (1_003_854, 111_540)
    verify(open_dataset(dataset_folder(name, tmp_path, None, None)))
    # From the cache alone.
    (tmp_path / name / "manifest.json").unlink()
    again = prepare(name, tmp_path, str(tmp_path / "gone"), None, None, lambda line: None)
    assert again == manifest


def test_a_file_in_place_of_data_dir_is_named(tmp_path, text):
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(DataError, match=f"{tmp_path / 'data'} is in the way") as caught:
        prepare_text(text)
    assert caught.value.exit_status == 74


def hang_in_build(text, reached):
    def hang(folder, manifest):
        reached.set()
        time.sleep(60)

    build.write_manifest = hang
    prepare_text(text)


def test_a_killed_preparation_is_made_anew(text):
    context = multiprocessing.get_context("fork")
    reached = context.Event()
    process = context.Process(target=hang_in_build, args=(text, reached))
    process.start()
    assert reached.wait(10)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert (folder_of(text) / "train-00000.bin").exists()
    assert read_manifest(folder_of(text)) is None
    told = []
    prepare_text(text, told)
    verify(open_dataset(folder_of(text)))
    assert told == ["tokenising 1,900 bytes (char)"], "the lock went with its holder"


def prepare_slowly(text, reached, release):
    def wait(*arguments):
        reached.set()
        release.wait(10)
        return real(*arguments)

    real = build.write_manifest
    build.write_manifest = wait
    prepare_text(text)


def test_a_second_process_waits_and_finds_it_made(text):
    context = multiprocessing.get_context("fork")
    reached, release = context.Event(), context.Event()
    process = context.Process(target=prepare_slowly, args=(text, reached, release))
    process.start()
    assert reached.wait(10)
    told = []

    def tell(line):
        told.append(line)
        release.set()

    prepare("custom", text.parent / "data", "", str(text), "char", tell)
    process.join()
    assert process.exitcode == 0
    assert len(told) == 1
    assert told[0].startswith("waiting: ")
    assert str(process.pid) in told[0]
    verify(open_dataset(folder_of(text)))


def test_no_torch_is_loaded():
    code = "import sys, gpt2.datasets; print('torch' in sys.modules, 'tiktoken' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False False\n"
