"""Cases 1 to 6 of the faults: whatever happens to a save or to a file, nothing older is lost.

Each kill is a SIGKILL of a real process that saves in its background thread.
"""

import json
import os
import pickle
import random
import signal
import subprocess
import sys

import pytest
import torch

from lib.checkpoint import CheckpointStore, NoneWhole
from lib.cli import ROOT
from tests.faults.saver import ELEMENTS, SYSTEM_CALLS, TIERS
from tests.lib.checkpoint.states import equal, make_state

STEPS = [1, 2, 3, 4]
KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def saver():
    """saver(job): what the process of tests/faults/saver.py answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.saver"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(**job):
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def expected(step):
    return make_state(step, elements=ELEMENTS)


def assert_nothing_is_lost(folder, outcome):
    """After a kill: the newest is whole, one of those handed over, and not older than one saved."""
    handed = outcome["said"].get("handed", [])
    saved = outcome["said"].get("saved", [])
    store = CheckpointStore(folder)
    said = []
    state = store.newest_whole(lambda _: None, said.append)
    assert (state["step"] if state else 0) >= max(saved, default=0)
    if state:
        assert state["step"] in handed
        assert equal(state, expected(state["step"]))
    # A kill never damages a file that has its name, so nothing may be set aside.
    assert all("damaged" not in line for line in said)
    if folder.exists():
        names = {path.name for path in folder.iterdir() if not path.is_symlink()}
        assert names == {path.name for path in store.steps().values()}
    for step, path in store.steps().items():
        assert equal(store.load(path), expected(step))
    return state["step"] if state else 0


def assert_it_goes_on(saver, folder, done):
    outcome = saver(folder=str(folder), steps=[done + 1, done + 2])
    assert outcome["status"] == 0
    assert outcome["said"]["saved"] == [done + 1, done + 2]
    assert assert_nothing_is_lost(folder, outcome) == done + 2


def test_the_loop_that_is_going_to_be_killed(saver, tmp_path):
    outcome = saver(folder=str(tmp_path), steps=STEPS)
    assert outcome == {"status": 0, "said": {"handed": STEPS, "saved": STEPS}}
    assert assert_nothing_is_lost(tmp_path, outcome) == 4
    assert list(CheckpointStore(tmp_path).steps()) == [4, 3]


@pytest.mark.parametrize(
    "is_after",
    [pytest.param(False, id="before"), pytest.param(True, id="after", marks=pytest.mark.slow)],
)
def test_killed_at_every_call_that_changes_the_disk(saver, tmp_path, is_after):
    """Between write and fsync, rename and fsync of the folder, file and link, in the retention."""
    folder = tmp_path / "whole"
    calls = saver(folder=str(folder), steps=STEPS, call=-1, is_after=False)["said"]["call"]
    assert set(calls) == set(SYSTEM_CALLS) - {"rename"}
    assert len(calls) > 6 * len(STEPS)
    found = set()
    for number in range(1, len(calls) + 1):
        folder = tmp_path / str(number)
        outcome = saver(folder=str(folder), steps=STEPS, call=number, is_after=is_after)
        assert outcome["status"] == KILLED
        found.add(assert_nothing_is_lost(folder, outcome))
    assert found >= set(STEPS)
    assert_it_goes_on(saver, folder, max(found))


@pytest.mark.parametrize("kills", [10, pytest.param(90, marks=pytest.mark.slow)])
def test_killed_at_any_byte(saver, tmp_path, kills):
    """At uniform random bytes of several saves of about 165,000; and the temporary is swept."""
    size = saver_file_bytes(saver, tmp_path / "whole")
    places = random.Random(20261 + kills)
    found = set()
    for number in range(kills):
        folder = tmp_path / str(number)
        byte = places.randrange(1, len(STEPS) * size)
        outcome = saver(folder=str(folder), steps=STEPS, byte=byte)
        assert outcome["status"] == KILLED
        assert len([name for name in os.listdir(folder) if ".tmp-" in name]) == 1
        # What was complete before that byte is there: no more is lost than the save under way.
        assert assert_nothing_is_lost(folder, outcome) == (byte - 1) // size
        found.add((byte - 1) // size)
    assert len(found) > 2
    assert_it_goes_on(saver, folder, (byte - 1) // size)


def saver_file_bytes(saver, folder):
    saver(folder=str(folder), steps=[1, 2])
    one, other = (path.stat().st_size for path in CheckpointStore(folder).steps().values())
    assert one == other
    return one


@pytest.mark.parametrize("kills", [10, pytest.param(90, marks=pytest.mark.slow)])
def test_killed_at_any_time(saver, tmp_path, kills):
    moments = random.Random(20262 + kills)
    killed = 0
    for number in range(kills):
        folder = tmp_path / str(number)
        steps = list(range(1, 500))
        outcome = saver(folder=str(folder), steps=steps, seconds=moments.uniform(0, 0.3))
        killed += outcome["status"] == KILLED
        assert_nothing_is_lost(folder, outcome)
    assert killed == kills


@pytest.mark.parametrize("how", ["checked", "racing", "limit"])
def test_a_full_disk_is_one_sentence_and_harms_nothing(saver, tmp_path, how):
    """A real file system of 1 MiB, or a limit on the size of files; exit status 74 both times."""
    outcome = saver(folder=str(tmp_path / "small"), full=how)
    said = outcome["said"]
    if "cannot" in said:
        pytest.skip(f"this system lets nobody mount a small disk here: {said['cannot'][0]}")
    assert outcome["status"] == 0
    assert said["status"] == [0, 74, 0]
    (message,) = said["stderr"]
    assert message.count("\n") == 1
    assert "step-000003.pt could not be written" in message
    assert ("File too large" if how == "limit" else "No space left on device") in message
    assert "It needs 34" in message
    assert "KiB, and" in message
    assert "are free" in message
    assert "Traceback" not in message
    # The temporary is gone, the older ones are alive, and with room again it goes on.
    assert [name for name in said["files"][0] if name != "others"] == [
        "step-000001.pt",
        "step-000002.pt",
    ]
    assert said["whole"] == [2, 3]


@pytest.fixture
def saved(saver, tmp_path):
    """A folder with the checkpoints of steps 1 to 3."""
    folder = tmp_path / "checkpoints"
    outcome = saver(folder=str(folder), steps=[1, 2])
    assert outcome["status"] == 0
    outcome = saver(folder=str(folder), steps=[3])
    store = CheckpointStore(folder)
    torch.save(expected(1), folder / "step-000001.pt")
    assert list(store.steps()) == [3, 2, 1]
    return store


def truncate(path, random_):
    os.truncate(path, random_.randrange(1, path.stat().st_size))


def empty(path, _):
    os.truncate(path, 0)


def scramble(path, random_):
    path.write_bytes(random_.randbytes(path.stat().st_size))


def overwrite(path, random_):
    """A block of another file in the middle, as a bad disk may have it."""
    with open(path, "r+b") as file:
        file.seek(random_.randrange(path.stat().st_size // 2))
        file.write(random_.randbytes(4096))


def flip(path, random_):
    """A bit of a tensor: torch.load does not notice it."""
    with open(path, "r+b") as file:
        offset = path.stat().st_size // 2 + random_.randrange(1000)
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << random_.randrange(8)]))
    assert not equal(torch.load(path, weights_only=True), expected(int(path.stem[-6:])))


FAULTS = (truncate, empty, scramble, overwrite, flip)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_set_aside_and_the_one_before_is_used(saved, fault):
    said = []
    fault(saved.steps()[3], random.Random(5))
    state = saved.newest_whole(lambda _: None, said.append)
    assert equal(state, expected(2))
    assert "step-000003.pt is damaged: it" in said[0]
    assert said[-1].startswith(
        "continuing from step 2, the newest checkpoint that is whole; step 3"
    )
    assert (saved.folder / "step-000003.pt.bad").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_if_all_are_damaged_it_stops_and_explains(saved, fault):
    for path in saved.steps().values():
        fault(path, random.Random(6))
    for _ in range(2):
        with pytest.raises(NoneWhole, match="--restart") as raised:
            saved.newest_whole(lambda _: None, lambda _: None)
        assert raised.value.exit_status == 65
        assert all(f"step-00000{step}.pt.bad" in str(raised.value) for step in (1, 2, 3))


class Evil:
    """Makes a file when an ordinary pickle loads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (os.mkdir, (self.marker,))


def test_a_tampered_pickle_is_never_run(saved, tmp_path):
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps(Evil(marker)))
    marker.rmdir()
    state = expected(3)
    state["optimizer"][0]["exp_avg"] = Evil(marker)
    torch.save(state, saved.steps()[3])
    said = []
    assert equal(saved.newest_whole(lambda _: None, said.append), expected(2))
    assert not marker.exists()
    assert "untrusted" in said[0]
    assert "posix.mkdir" in said[0]
    assert "step 2, the newest checkpoint that is whole" in said[-1]


@pytest.mark.slow
def test_an_orderly_end_of_the_process_loses_no_save(tmp_path):
    """A script that ends without waiting: the interpreter waits for the thread."""
    program = (
        "import sys; from pathlib import Path\n"
        "from lib.checkpoint import CheckpointStore, CheckpointWriter\n"
        "from tests.faults.saver import ELEMENTS, TIERS, make_state\n"
        "store = CheckpointStore(Path(sys.argv[1]))\n"
        "CheckpointWriter(store, TIERS).save(make_state(1, elements=ELEMENTS))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)
    state = CheckpointStore(tmp_path).newest_whole(lambda _: None, lambda _: None)
    assert equal(state, expected(1))
    assert TIERS.rolling == 1
