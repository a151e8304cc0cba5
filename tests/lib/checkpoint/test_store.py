import os
import shutil

import pytest
import torch

from lib.checkpoint import SCHEMA, Damaged, Missing, Newer, NoneWhole, Untrusted
from tests.lib.checkpoint.states import equal, make_state, make_tiers, make_weights


class Evil:
    def __reduce__(self):
        return (os.system, ("false",))


def accept(_):
    """Every configuration is this one."""


@pytest.fixture
def said():
    return []


def spoil(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 5)


def names(store):
    return sorted(path.name for path in store.folder.iterdir() if not path.is_symlink())


def test_no_folder_is_a_run_that_never_saved(store, said):
    assert store.newest_whole(accept, said.append) is None
    assert store.steps() == {}
    assert said == []
    assert not store.folder.exists()


def test_the_newest_is_taken_and_said(store, save, said):
    for step in (9, 100, 20):
        save(step)
    assert equal(store.newest_whole(accept, said.append), make_state(100))
    assert said == ["continuing from step 100, the newest checkpoint"]


def test_a_damaged_one_is_set_aside_and_the_next_is_taken_and_said(store, save, said):
    for step in (1, 2, 3):
        save(step)
    spoil(store.steps()[3])
    store.steps()[2].write_bytes(b"")
    assert equal(store.newest_whole(accept, said.append), make_state(1))
    assert len(said) == 3
    assert "step-000003.pt is damaged: it is cut short" in said[0]
    assert "set aside as step-000003.pt.bad" in said[0]
    assert "step-000002.pt is damaged: it is empty" in said[1]
    assert said[2].startswith("continuing from step 1, the newest checkpoint that is whole; step 3")
    assert "step-000002.pt.bad: it is empty" in said[2]
    assert names(store) == ["step-000001.pt", "step-000002.pt.bad", "step-000003.pt.bad"]


def test_an_untrusted_one_is_set_aside_by_name_and_the_next_is_taken(store, save, said):
    save(1)
    torch.save(make_state(2) | {"model": Evil()}, store.folder / "step-000002.pt")
    assert store.newest_whole(accept, said.append)["step"] == 1
    assert "posix.system" in said[0]
    assert "untrusted" in said[0]
    assert "posix.system" in said[1]
    assert names(store) == ["step-000001.pt", "step-000002.pt.bad"]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (make_state(3), "it holds step 3 under the name of step 2"),
        (make_weights(2), "it holds weights, from which no training can continue"),
        ({"a": 1}, "no schema number"),
    ],
)
def test_what_is_whole_and_no_checkpoint_of_that_step_is_set_aside(store, save, said, state, why):
    save(1)
    torch.save(state, store.folder / "step-000002.pt")
    assert store.newest_whole(accept, said.append)["step"] == 1
    assert why in said[0]


def test_if_all_are_bad_a_person_must_decide_also_the_next_time(store, save, said):
    for step in (1, 2):
        save(step)
    for path in store.steps().values():
        spoil(path)
    for _ in range(2):
        with pytest.raises(NoneWhole) as raised:
            store.newest_whole(accept, said.append)
        assert raised.value.exit_status == 65
        assert "step-000002.pt.bad" in str(raised.value)
        assert "step-000001.pt.bad" in str(raised.value)
        assert "--restart" in str(raised.value)
    store.send_back(0, said.append)
    assert store.newest_whole(accept, said.append) is None
    assert "2 files" in said[-1]


def test_another_configuration_goes_up_and_nothing_is_set_aside(store, save, said):
    def refuse(state):
        raise ValueError(f"{state['config_hash']} is another configuration")

    for step in (1, 2):
        save(step)
    with pytest.raises(ValueError, match="0123abcd is another"):
        store.newest_whole(refuse, said.append)
    assert list(store.steps()) == [2, 1]
    assert said == []


def test_a_later_version_goes_up_and_nothing_is_set_aside(store, save, said):
    save(1)
    torch.save(make_state(2) | {"schema": SCHEMA + 1}, store.folder / "step-000002.pt")
    with pytest.raises(Newer):
        store.newest_whole(accept, said.append)
    assert list(store.steps()) == [2, 1]


def test_temporaries_are_swept_and_links_are_not_trusted(store, save, said):
    save(1)
    save(2)
    (store.folder / ".step-000003.pt.tmp-99999999").write_bytes(b"half")
    latest = store.folder / "latest.pt"
    latest.unlink()
    latest.symlink_to("step-000001.pt")
    (store.folder / "step-000009.pt").symlink_to("latest.pt")
    assert store.newest_whole(accept, said.append)["step"] == 2
    assert "removed .step-000003.pt.tmp-99999999" in said[0]
    assert names(store) == ["step-000001.pt", "step-000002.pt"]


def test_a_save_keeps_what_the_tiers_say_and_links_for_people(store, save):
    tiers = make_tiers(
        interval=4,
        rolling=1,
        epochs=1,
        epoch_of=lambda step: step // 3 if step % 3 == 0 else None,
    )
    removed = [save(step, best=min(step, 2), tiers=tiers).removed for step in range(1, 8)]
    assert removed == [(), (), (1,), (), (), (3,), (5,)]
    assert list(store.steps()) == [7, 6, 4, 2]
    links = {p.name: os.readlink(p) for p in store.folder.iterdir() if p.is_symlink()}
    assert links == {
        "latest.pt": "step-000007.pt",
        "best.pt": "step-000002.pt",
        "epoch-0002.pt": "step-000006.pt",
    }


def test_nothing_is_deleted_before_the_new_one_is_there(store, save, monkeypatch):
    tiers = make_tiers(interval=0)
    for step in (1, 2):
        save(step, tiers=tiers)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ValueError, match="No space left"):
        save(3, tiers=tiers)
    assert list(store.steps()) == [2, 1]


def test_a_file_by_name(store, save, tmp_path):
    save(3)
    copy = tmp_path / "elsewhere.pt"
    shutil.copy(store.steps()[3], copy)
    assert equal(store.load(copy), make_state(3))
    spoil(copy)
    with pytest.raises(Damaged):
        store.load(copy)
    assert copy.exists()
    torch.save(Evil(), copy)
    with pytest.raises(Untrusted):
        store.load(copy)
    with pytest.raises(
        Missing, match=r"there is no checkpoint .*none\.pt.*step-000003\.pt"
    ) as gone:
        store.load(tmp_path / "none.pt")
    assert gone.value.exit_status == 66


def test_latest_and_best_while_it_trains(store, save, tmp_path):
    with pytest.raises(Missing, match="no checkpoint yet"):
        store.find("latest")
    save(1)
    with pytest.raises(Missing, match="nothing was evaluated"):
        store.find("best")
    save(2, best=2)
    save(3, best=2)
    assert store.find("latest").name == "step-000003.pt"
    assert store.find("best").name == "step-000002.pt"
    assert store.find(str(tmp_path / "x.pt")) == tmp_path / "x.pt"
    # The newest cannot be read: the one before says which is best.
    spoil(store.steps()[3])
    assert store.find("best").name == "step-000002.pt"
    store.steps()[2].unlink()
    save(4, best=2)
    with pytest.raises(Missing, match="no checkpoint of step 2, the best so far"):
        store.find("best")


def test_going_back_hides_what_is_newer_until_it_is_passed_again(store, save, said):
    for step in (10, 20, 30):
        save(step)
    store.send_back(10, said.append)
    assert "going back to step 10: 2 files" in said[0]
    assert list(store.steps()) == [10]
    assert store.newest_whole(accept, said.append)["step"] == 10
    assert not (store.folder / "latest.pt").is_symlink()
    save(20)
    assert names(store) == ["step-000010.pt", "step-000020.pt", "step-000030.pt.superseded"]
    save(30)
    assert names(store) == ["step-000010.pt", "step-000020.pt", "step-000030.pt"]


def test_going_back_to_where_it_is_changes_nothing(store, save, said):
    save(10)
    store.send_back(10, said.append)
    assert said == []
    assert (store.folder / "latest.pt").is_symlink()


def test_the_weights_of_a_finished_run(store, save, said):
    for step in (10, 20, 30):
        save(step, best=min(step, 20))
    kept = store.keep_weights(make_weights(30, best=20), said.append)
    # All of it is still there, in case the run cannot put its result on record.
    assert list(store.steps()) == [30, 20, 10]
    size = sum(path.stat().st_size for path in store.steps().values())
    assert store.discard_training() == size
    assert names(store) == ["best.pt", "final.pt"]
    assert kept == store.weights() == [store.find("latest"), store.find("best")]
    assert equal(store.load(store.find("latest")), make_weights(30, best=20))
    best = store.load(store.find("best"))
    assert best["kind"] == "weights"
    assert "optimizer" not in best
    assert equal(best["model"], make_state(20)["model"])
    assert best["val_loss"] == make_state(20)["val_loss"]
    assert said == []


def test_if_the_last_step_is_the_best_there_is_one_file(store, save, said):
    save(10, best=10)
    save(20, best=20)
    store.keep_weights(make_weights(20, best=20), said.append)
    store.discard_training()
    assert names(store) == ["final.pt"]
    assert not os.path.lexists(store.folder / "best.pt")
    assert store.find("best").name == "final.pt"


def test_a_damaged_best_is_said_and_does_not_fail_the_run(store, save, said):
    save(10, best=10)
    save(20, best=10)
    spoil(store.steps()[10])
    store.keep_weights(make_weights(20, best=10), said.append)
    assert "the weights of step 10 are lost" in said[0]
    store.discard_training()
    assert names(store) == ["final.pt"]


def test_a_run_that_is_done_can_be_sent_back_to_its_beginning(store, save, said):
    save(10, best=10)
    store.keep_weights(make_weights(20, best=10), said.append)
    store.discard_training()
    store.send_back(0, said.append)
    assert store.weights() == []
    assert store.newest_whole(accept, said.append) is None
    save(10)
    store.keep_weights(make_weights(20), said.append)
    store.discard_training()
    assert names(store) == ["final.pt"]
