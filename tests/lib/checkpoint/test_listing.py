import os

import torch

from lib.checkpoint import SCHEMA, list_checkpoints
from lib.checkpoint import archive as archive_module
from tests.lib.checkpoint.states import make_state, make_tiers, make_weights

TIERS = make_tiers(interval=10, rolling=2)


def test_what_there_is_newest_first_with_what_it_is_kept_for(store, save):
    for step in (10, 20, 25):
        save(step, best=min(step, 20), tiers=TIERS)
    lines = list(list_checkpoints(store, TIERS, is_checked=True))
    assert [(line.step, line.tiers) for line in lines] == [
        (25, ("latest",)),
        (20, ("previous", "rolling", "best")),
        (10, ("rolling",)),
    ]
    for line in lines:
        assert line.problem is None
        assert line.is_checked
        assert line.bytes == line.path.stat().st_size
        assert line.modified_s == line.path.stat().st_mtime
        assert line.check_s > 0
        assert (line.header.tokens, line.header.val_loss) == (
            1024 * line.step,
            make_state(line.step)["val_loss"],
        )


def test_what_is_wrong_is_said_and_changed_by_nobody(store, save):
    for step in range(1, 7):
        save(step, tiers=make_tiers())
    paths = store.steps()
    paths[6].write_bytes(b"")
    spoilt = bytearray(paths[5].read_bytes())
    spoilt[len(spoilt) // 3] ^= 1
    paths[5].write_bytes(spoilt)
    torch.save({"schema": SCHEMA + 1}, paths[4])
    torch.save([os.system], paths[3])
    paths[2].rename(paths[2].with_name("step-000002.pt.bad"))
    os.replace(paths[1], paths[1].with_name("step-000002.pt"))
    lines = {line.path.name: line for line in list_checkpoints(store, make_tiers(), True)}
    assert list(lines)[-1] == "step-000002.pt.bad"
    problems = [line.problem for line in lines.values()]
    assert "it is empty" in problems[0]
    assert "is not as it was written" in problems[1]
    assert "newer version" in problems[2]
    assert "posix.system" in problems[3]
    assert "holds step 1 under the name of step 2" in problems[4]
    assert problems[5] is None
    assert lines["step-000002.pt.bad"].tiers == ("set aside",)
    assert lines["step-000006.pt"].header is None
    # Without reading everything, a tensor that does not match its checksum goes unnoticed.
    quick = {line.path.name: line for line in list_checkpoints(store, None, False)}
    assert quick["step-000005.pt"].problem is None
    assert not quick["step-000005.pt"].is_checked
    assert quick["step-000006.pt"].problem == problems[0]
    assert set(quick) == set(lines)


def test_lines_come_one_by_one_and_a_file_that_goes_meanwhile_is_left_out(store, save):
    for step in (1, 2, 3):
        save(step)
    lines = list_checkpoints(store, make_tiers(), True)
    assert next(lines).step == 3
    store.steps()[2].unlink()
    assert [line.step for line in lines] == [1]


def test_without_a_check_no_tensor_is_read(store, save, monkeypatch):
    save(1)
    read = []
    original = archive_module._check_member
    monkeypatch.setattr(
        archive_module,
        "_check_member",
        lambda *given: (read.append(given[2].filename), original(*given)),
    )
    list(list_checkpoints(store, None, False))
    assert set(read) == {"archive/data.pkl"}


def test_a_finished_run_and_an_empty_one(store):
    assert list(list_checkpoints(store, TIERS, True)) == []
    store.keep_weights(make_weights(20), print)
    (line,) = list_checkpoints(store, TIERS, True)
    assert (line.step, line.tiers, line.problem) == (20, ("weights",), None)
