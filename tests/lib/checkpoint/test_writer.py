import shutil
import threading

import pytest
import torch

from lib.checkpoint import CheckpointWriter, NotWritten
from lib.checkpoint.archive import read_checked
from tests.lib.checkpoint.states import equal, make_state, make_tiers


@pytest.fixture
def writer(store):
    with CheckpointWriter(store, make_tiers(interval=2, rolling=2)) as writer:
        yield writer


@pytest.fixture
def gate(store, monkeypatch):
    """Saves stop before they write until the gate is opened; `reached` says that one is there."""
    gate, reached = threading.Event(), threading.Event()
    original = store.save

    def save(*arguments):
        reached.set()
        assert gate.wait(60)
        return original(*arguments)

    monkeypatch.setattr(store, "save", save)
    gate.reached = reached
    yield gate
    gate.set()


def test_the_state_may_change_as_soon_as_save_returns(store, writer, gate):
    state = make_state(1)
    writer.save(state)
    state["model"]["embedding"].zero_()
    state["settings"].clear()
    gate.set()
    writer.wait()
    assert equal(read_checked(store.steps()[1]), make_state(1))


def test_training_goes_on_while_a_save_is_written(store, writer, gate):
    writer.save(make_state(1))
    gate.reached.wait(60)
    assert store.steps() == {}
    assert writer.finished() == []
    gate.set()
    writer.wait()
    (saved,) = writer.finished()
    assert (saved.step, saved.path) == (1, store.steps()[1])
    assert saved.bytes == saved.path.stat().st_size
    assert min(saved.stall_s, saved.write_s, saved.verify_s) > 0
    assert writer.finished() == []


def test_one_save_at_a_time_each_from_the_memory_of_the_last(store, writer):
    states = [make_state(step) for step in range(1, 7)]
    writer.reserve(states[0])
    for state in states:
        writer.save(state)
    writer.wait()
    assert [saved.step for saved in writer.finished()] == [1, 2, 3, 4, 5, 6]
    assert list(store.steps()) == [6, 5, 4]
    for step, path in store.steps().items():
        assert equal(read_checked(path), make_state(step))
    assert writer.host_bytes == sum(
        -(-t.nbytes // 64) * 64
        for t in (*list(states[0]["model"].values())[1:], *states[0]["optimizer"][0].values())
    )


def test_the_wait_for_the_save_before_is_part_of_the_stall(store, writer, gate):
    writer.save(make_state(1))
    gate.reached.wait(60)
    threading.Timer(0.2, gate.set).start()
    writer.save(make_state(2))
    writer.wait()
    first, second = writer.finished()
    assert second.stall_s >= 0.19 > first.stall_s


def test_a_failed_save_is_raised_once_by_the_next_call_in_the_caller_s_thread(store, writer, gate):
    for call in (writer.wait, writer.finished, lambda: writer.save(make_state(2))):
        gate.clear()
        gate.reached.clear()
        writer.save(make_state(1))
        gate.reached.wait(60)
        shutil.rmtree(store.folder)
        gate.set()
        threads = [t for t in threading.enumerate() if t.name.startswith("checkpoint")]
        assert len(threads) == 1
        while call == writer.finished and not writer._pending.done():
            pass
        with pytest.raises(NotWritten, match="No such file"):
            call()
        writer.wait()
        assert writer.finished() == []


def test_after_a_failure_the_next_save_works(store, writer, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(store, "save", lambda *_: 1 / 0)
        writer.save(make_state(1))
        with pytest.raises(ZeroDivisionError):
            writer.wait()
    writer.save(make_state(2))
    writer.wait()
    assert list(store.steps()) == [2]


def test_a_full_disk_is_refused_before_the_copy(store, writer, monkeypatch):
    monkeypatch.setattr("lib.checkpoint.save.free_bytes", lambda _: 100)
    with pytest.raises(NotWritten, match="100 B are free"):
        writer.save(make_state(1))
    assert writer.host_bytes == 0
    assert list(store.folder.iterdir()) == []


def test_what_cannot_be_saved_is_named_before_anything_happens(store, writer):
    with pytest.raises(TypeError, match="/optimizer/0/exp_avg is a torch.Size"):
        writer.save(make_state(1) | {"optimizer": {0: {"exp_avg": torch.Size([1])}}})
    assert not store.folder.exists()


def test_leaving_the_block_waits_for_the_save_and_gives_the_memory_back(store, gate):
    with CheckpointWriter(store, make_tiers()) as writer:
        writer.save(make_state(1))
        gate.set()
    assert list(store.steps()) == [1]
    assert writer.host_bytes == 0
    assert [saved.step for saved in writer.finished()] == [1]


def test_a_failure_at_the_end_is_raised(store, monkeypatch):
    monkeypatch.setattr(store, "save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), CheckpointWriter(store, make_tiers()) as writer:
        writer.save(make_state(1))


def test_a_failure_at_the_end_does_not_hide_why_the_training_ended(store, monkeypatch):
    monkeypatch.setattr(store, "save", lambda *_: 1 / 0)

    def train(writer):
        writer.save(make_state(1))
        raise ArithmeticError("diverged")

    with (
        pytest.raises(ArithmeticError, match="diverged") as raised,
        CheckpointWriter(store, make_tiers()) as writer,
    ):
        train(writer)
    assert raised.value.__notes__ == [
        "besides, the last checkpoint was not saved: division by zero"
    ]


def test_ctrl_c_while_waiting_forgets_no_save(store, writer, gate, monkeypatch):
    writer.save(make_state(1))
    pending = writer._pending

    def interrupt():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pending, "result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.wait()
    gate.set()
    writer.wait()
    assert list(store.steps()) == [1]
