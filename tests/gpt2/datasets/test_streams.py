"""Preparing a stream: its splits, its budget, and the same bytes however often it was stopped."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2.datasets import build, forecast
from gpt2.datasets.errors import CORRUPT, IO, DataError
from gpt2.datasets.manifest import read_manifest
from gpt2.datasets.resume import PROGRESS_NAME
from gpt2.datasets.tokenizers import ByteTokenizer
from lib.cli import ROOT
from tests.gpt2.datasets.streams import (
    EOT,
    Texts,
    WithEndOfText,
    anywhere,
    contents,
    everything,
    made,
    stream_of,
    texts,
    tokens_of,
)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Hundreds of small files would wait for it; the processes that are killed do."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


# --- the split and the budget ---


@anywhere
@given(texts, st.integers(2, 5), st.integers(2, 60), st.integers(1, 5), st.integers(2, 12))
def test_the_head_is_held_out_and_training_begins_where_it_ends(
    tmp_path_factory, texts, held_out, budget, size, shard_tokens
):
    tokens = tokens_of(texts)
    budget = min(budget, len(tokens) - held_out)
    dataset = made(
        tmp_path_factory.mktemp("data"),
        stream_of(Texts(texts, size), budget, held_out),
        shard_tokens,
    )
    assert everything(dataset.validation) == tokens[:held_out]
    assert everything(dataset.train) == tokens[held_out : held_out + budget]
    for split in (dataset.manifest.train, dataset.manifest.validation):
        kept = everything(
            getattr(dataset, "train" if split == dataset.manifest.train else "validation")
        )
        assert split.bytes == sum(token != EOT for token in kept)
        assert [shard.tokens for shard in split.shards[:-1]] == [shard_tokens] * (
            len(split.shards) - 1
        )


def test_all_there_is_and_each_document_behind_an_end_of_text(tmp_path):
    texts = ["ab", "c", "def", "gh"]
    dataset = made(tmp_path, stream_of(Texts(texts), held_out=4))
    assert everything(dataset.validation) == [EOT, *b"ab", EOT]
    assert everything(dataset.train) == [*b"c", EOT, *b"def", EOT, *b"gh"]
    assert dataset.manifest.source == {"position": 3}


def test_a_published_split_is_taken_whole_and_training_begins_at_the_beginning(tmp_path):
    validation = Texts(["xy", "z"])
    stream = stream_of(Texts(["ab", "c"] * 9), 10, validation=validation)
    dataset = made(tmp_path, stream)
    assert everything(dataset.validation) == tokens_of(["xy", "z"])
    assert everything(dataset.train) == tokens_of(["ab", "c"] * 9)[:10]


def test_a_budget_that_is_not_reached_is_told(tmp_path):
    told = []
    dataset = made(tmp_path, stream_of(Texts(["abcd"] * 4), 1000, 5), told=told)
    assert len(dataset.train) == 15
    assert "the text ends after 15 of 1,000 train tokens" in told


def test_a_text_that_ends_in_its_head_is_too_short(tmp_path):
    with pytest.raises(
        DataError, match="train split has 0 tokens.*smaller DATASET_TOKENS"
    ) as error:
        made(tmp_path, stream_of(Texts(["abcd"]), 100, 50))
    assert error.value.exit_status == CORRUPT
    assert read_manifest(tmp_path) is None


# --- going on ---


@anywhere
@given(texts, st.integers(1, 4), st.integers(2, 9), st.integers(0, 6), st.integers(2, 9))
def test_what_was_stopped_and_taken_up_is_the_same_bytes(
    tmp_path_factory, texts, size, shard_tokens, fails_after, held_out
):
    straight, resumed = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    made(straight, stream_of(Texts(texts, size), None, 5, expected_tokens=9), shard_tokens)
    for end in (fails_after, fails_after + 1, None):
        stream = stream_of(Texts(texts, size, end), None, 5, expected_tokens=9)
        with suppress(DataError):
            made(resumed, stream, shard_tokens)
            break
        assert read_manifest(resumed) is None
    assert contents(straight) == contents(resumed)


def test_nothing_that_is_done_is_tokenised_again(tmp_path):
    texts = [f"{number:04d}" for number in range(100)]
    tokenizer = WithEndOfText()
    with pytest.raises(DataError, match="closed"):
        made(tmp_path, stream_of(Texts(texts, 1, 90), None, 5, tokenizer=tokenizer), 50)
    saved = json.loads((tmp_path / PROGRESS_NAME).read_text())
    # Of 500 tokens 450 came; 5 are held out, and 8 shards of 50 are behind them.
    assert [split["tokens"] for split in saved["finished"]] == [5]
    assert len(saved["shards"]) == 8
    told = []
    tokenizer = WithEndOfText()
    made(tmp_path, stream_of(Texts(texts, 1), None, 5, tokenizer=tokenizer), 50, told)
    again = [text for text in tokenizer.texts if len(text) == 4]
    assert again == texts[81:]
    assert told[0] == f"going on behind the 405 tokens that {tmp_path} has already"
    assert not (tmp_path / PROGRESS_NAME).exists()


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A preparation that was stopped in the middle; (folder, the texts)."""
    texts = [f"{number:04d}" for number in range(100)]
    with pytest.raises(DataError, match="closed"):
        made(tmp_path, stream_of(Texts(texts, 1, 90), None, 5), 50)
    return tmp_path, texts


def begins_anew(folder, texts, **changes):
    told = []
    tokenizer = WithEndOfText()
    options = {"held_out": 5, "tokenizer": tokenizer} | changes
    dataset = made(folder, stream_of(Texts(texts, 1), **options), 50, told)
    assert not any("going on" in line for line in told)
    assert texts[0] in tokenizer.texts
    return dataset


@pytest.mark.parametrize(
    "changes", [{"identity": {"of": "another"}}, {"held_out": 6}, {"tokens": 300}], ids=str
)
def test_another_text_or_budget_begins_anew(stopped, changes):
    folder, texts = stopped
    assert len(begins_anew(folder, texts, **changes).validation) == changes.get("held_out", 5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "train-00003.bin").unlink(),
        lambda folder: (folder / "train-00003.bin").write_bytes(b"torn"),
        lambda folder: (folder / PROGRESS_NAME).write_text("{"),
        lambda folder: (folder / PROGRESS_NAME).write_text('{"schema": 1}'),
        lambda folder: (folder / PROGRESS_NAME).unlink(),
    ],
)
def test_what_is_damaged_begins_anew(stopped, damage, tmp_path_factory):
    folder, texts = stopped
    damage(folder)
    begins_anew(folder, texts)
    straight = tmp_path_factory.mktemp("straight")
    made(straight, stream_of(Texts(texts, 1), held_out=5), 50)
    assert contents(straight) == contents(folder)


def test_files_are_let_go_when_their_tokens_are_on_the_disk(tmp_path):
    source = Texts([f"{number:04d}" for number in range(20)], 1)
    made(tmp_path, stream_of(source, None, 5), 50)
    *behind, last, last_again = source.released
    assert behind == [0, 10, 19], "behind the held-out tokens, a shard, and the end"
    assert (last, last_again) == (None, None)


# Imports once, then forks a preparation for every line that it is told.
PREPARES = """
import os, sys
from pathlib import Path
import datasets, pyarrow.dataset, pyarrow.parquet
from datasets.packaged_modules.parquet import parquet
from gpt2.datasets.build import build_dataset
from gpt2.datasets.corpus import Request
from gpt2.datasets.custom import Custom

def prepare(source, data):
    request = Request("custom", data, "", str(source), "bytes", True, "text", "60K")
    stream = Custom().load(request, lambda line: None)
    build_dataset(data / "made", "custom", stream, lambda line: None, 1500)

while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        try:
            prepare(Path(sys.argv[1]), Path(line.rstrip()))
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    # Until we wait for it, its number is nobody else's.
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.parametrize(
    ("kills", "seed"), [(8, 0), pytest.param(60, 1, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_killed_at_any_time_it_goes_on_to_the_same_bytes(tmp_path, kills, seed):
    """SIGKILL at random moments, also while a shard or the progress is being written."""
    rng = random.Random(seed)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        rows = [f"{number} {row} " + "text " * rng.randrange(60) for row in range(150)]
        table = pyarrow.table({"text": rows})
        pyarrow.parquet.write_table(table, source / f"{number}.parquet", row_group_size=40)
    forker = subprocess.Popen(
        [sys.executable, "-c", PREPARES, str(source)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def prepare(folder, after_s=None):
        forker.stdin.write(f"{folder}\n")
        forker.stdin.flush()
        child = int(forker.stdout.readline())
        if after_s is not None:
            time.sleep(after_s)
            os.kill(child, signal.SIGKILL)
        forker.stdin.write("\n")
        forker.stdin.flush()
        return int(forker.stdout.readline())

    with forker:
        assert prepare(tmp_path / "warm") == 0
        start = time.monotonic()
        assert prepare(tmp_path / "straight") == 0
        length = time.monotonic() - start
        expected = contents(tmp_path / "straight" / "made")
        assert len(expected) > 35
        killed = 0
        # Numbers of shards that were there after a kill.
        progressed = set()
        while killed < kills or len(progressed) < 3:
            status = prepare(tmp_path / "killed", rng.uniform(0, length))
            assert status in (0, -signal.SIGKILL)
            made = tmp_path / "killed" / "made"
            if (made / "manifest.json").exists():
                # Between the manifest and its own removal the progress may stay; `prepare` tidies.
                (made / PROGRESS_NAME).unlink(missing_ok=True)
                assert contents(made) == expected
                shutil.rmtree(made)
                continue
            killed += 1
            progressed.add(len(list(made.glob("train-*.bin"))))
            assert killed < 20 * kills
        assert prepare(tmp_path / "killed") == 0
        assert contents(tmp_path / "killed" / "made") == expected
        forker.stdin.close()


# --- what is said before and meanwhile ---


def test_the_need_is_said_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "tokens_per_second", lambda tokenizer: 1e6)
    monkeypatch.setattr(forecast, "usable_cores", lambda: 2)
    monkeypatch.setattr(forecast, "free_bytes", lambda path: 70_000_000_000)
    told = []
    stream = stream_of(
        Texts(["abcd"] * 4), 9, 5, expected_tokens=10_000_000_000, cached_bytes=2_152_819_114
    )
    made(tmp_path, stream, told=told)
    assert told[0] == (
        "10,000,000,000 tokens to make: 20 GB and 2.15 GB of cache of disk (70 GB free), "
        "about 2:46:40 to tokenise on 2 cores, and the time to read"
    )


def test_what_cannot_fit_is_refused_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "free_bytes", lambda path: 1000)
    source = Texts(["abcd"] * 4)
    source.chunks = lambda position: pytest.fail("it began")
    with pytest.raises(DataError, match="1,100 bytes needed, 1,000 free") as caught:
        made(tmp_path, stream_of(source, 9, 5, expected_tokens=500, cached_bytes=100))
    assert caught.value.exit_status == IO
    assert str(tmp_path) in str(caught.value)
    assert "DATA_DIR" in str(caught.value)


def test_the_rest_of_a_preparation_needs_less(stopped, monkeypatch):
    folder, texts = stopped
    monkeypatch.setattr(forecast, "free_bytes", lambda path: 190)
    told = []
    made(folder, stream_of(Texts(texts, 1), None, 5, expected_tokens=500), 50, told)
    assert told[1].startswith("95 tokens to make: 0.00019 MB of disk (0.00019 MB free)")


def test_a_full_disk_is_told_and_what_is_whole_stays(stopped, monkeypatch):
    folder, texts = stopped
    before = contents(folder)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(build, "save_state", full)
        with pytest.raises(DataError, match="No space left to write") as caught:
            made(folder, stream_of(Texts(texts, 1), None, 5), 10)
    assert caught.value.exit_status == IO
    assert set(before) >= {PROGRESS_NAME, "train-00000.bin"}


def test_the_rate_of_a_tokenizer_is_measured():
    assert forecast.tokens_per_second(ByteTokenizer()) > 1e5


@pytest.mark.parametrize(
    ("number", "text"), [(20_000_000_000, "20 GB"), (240e6, "0.24 GB"), (3_210_000, "3.21 MB")]
)
def test_bytes_for_people(number, text):
    assert forecast.gigabytes(number) == text
