"""An export is whole or not there, and replaces nothing."""

import errno
import fcntl
import json
import os
import shutil

import pytest
from safetensors import SafetensorError

from gpt2.exchange import write
from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.write import write_export
from tests.gpt2.exchange.models import LLAMA, made
from tests.gpt2.shapes import TINY


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_tokens_that_begin_and_end_are_said_to_be_none(tmp_path):
    """The classes have numbers of their own: 2 would end a text of bytes at once."""
    write_export(tmp_path / "out", made(LLAMA), None, {})
    values = json.loads((tmp_path / "out/config.json").read_text())
    kinds = [f"{kind}_token_id" for kind in ("bos", "eos", "pad")]
    assert [values.get(kind, "as the class has it") for kind in kinds] == [None, None, None]
    write_export(tmp_path / "other", made(LLAMA), 30, {})
    values = json.loads((tmp_path / "other/config.json").read_text())
    assert [values[kind] for kind in kinds] == [30, 30, None]


def test_whoever_may_read_one_file_may_read_them_all(tmp_path):
    write_export(tmp_path / "out", made(TINY), None, {"README.md": "x"})
    assert len({path.stat().st_mode for path in (tmp_path / "out").iterdir()}) == 1


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    # An empty one is as good as none.
    write_export(tmp_path / "out", made(TINY), None, {})
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(ExchangeError, match="is there already, and an export replaces nothing"):
        write_export(tmp_path / "out", made(TINY, seed=1), None, {})
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(ExchangeError, match="is there already"):
            write_export(tmp_path / name, made(TINY), None, {})
    assert left(tmp_path) == ["file", "link", "out"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SafetensorError("I/O error: No space left on device"), ExchangeError),
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_breaks_off_leaves_nothing(tmp_path, monkeypatch, error, expected):
    def fail(tensors, path, metadata):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(write, "save_file", fail)
    with pytest.raises(expected) as caught:
        write_export(tmp_path / "out", made(TINY), None, {})
    if expected is ExchangeError:
        assert caught.value.exit_status == 74
    assert left(tmp_path) == []


def test_what_a_kill_left_is_replaced(tmp_path):
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    (partial / "old.txt").write_text("x")
    write_export(tmp_path / "out", made(TINY), None, {})
    assert left(tmp_path) == ["out"]
    assert left(tmp_path / "out") == ["config.json", "model.safetensors"]


def test_two_at_a_time_do_not_mix(tmp_path):
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    held = os.open(partial, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    (partial / "theirs.txt").write_text("x")
    with pytest.raises(ExchangeError, match="is being written by another process"):
        write_export(tmp_path / "out", made(TINY), None, {})
    assert left(partial) == ["theirs.txt"]
    os.close(held)


def test_too_little_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ExchangeError, match=r"needs .* MiB, and 1000 B are free") as caught:
        write_export(tmp_path / "out", made(TINY), None, {})
    assert caught.value.exit_status == 74
    assert left(tmp_path) == []
