import json
import pickle
import random
import shutil
import struct
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.checkpoint import SCHEMA, CheckpointError, Damaged, Newer, Untrusted
from lib.checkpoint.archive import check_whole, header_of, read_checked, read_header, read_mapped
from lib.checkpoint.save import write_checked
from tests.lib.checkpoint.states import equal, make_state, make_weights

STATE = make_state(600, best=400, elements=20)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "step-000600.pt"
    write_checked(path, STATE, 0)
    return path


def readers():
    return pytest.mark.parametrize("read", [read_checked, read_mapped])


@readers()
def test_what_was_written_is_read(path, read):
    assert equal(read(path), STATE)


def test_the_header_is_read_without_the_tensors(path, monkeypatch):
    header = read_header(path)
    assert (header.kind, header.step, header.tokens) == ("training", 600, 614_400)
    assert (header.best_step, header.val_loss) == (400, STATE["val_loss"])
    assert header.settings == STATE["settings"]
    # A spoilt tensor does not matter to it.
    flip(path, offset_in(path, "archive/data/0"))
    assert read_header(path) == header
    with pytest.raises(Damaged, match="archive/data/0"):
        read_checked(path)


def offset_in(path, member):
    """Where the data of a member begins."""
    info = zipfile.ZipFile(path).getinfo(member)
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name + extra


def outcome(read, path):
    """What the reader returns, or the error of ours that it raises."""
    try:
        return read(path)
    except CheckpointError as error:
        return error


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


@pytest.mark.parametrize(
    "share", [pytest.param(0.03, id="some"), pytest.param(0.25, id="many", marks=pytest.mark.slow)]
)
def test_a_flip_of_a_bit_is_noticed_or_changes_nothing(path, tmp_path, share):
    """Anywhere in the file: data, headers, padding, the table of contents at the end."""
    whole = path.read_bytes()
    data = set()
    for info in zipfile.ZipFile(path).infolist():
        start = offset_in(path, info.filename)
        data |= set(range(start, start + info.file_size))
    # Every bit of the data has its checksum; what has none is where to look.
    bits = [i for i in range(8 * len(whole)) if i // 8 not in data or i % 9 == 0]
    other = tmp_path / "flipped.pt"
    unnoticed = set()
    for place in random.Random(600).sample(bits, int(share * len(bits))):
        offset = place // 8
        spoilt = bytearray(whole)
        spoilt[offset] ^= 1 << place % 8
        other.write_bytes(spoilt)
        found = outcome(read_checked, other)
        if isinstance(found, CheckpointError):
            # Nobody must be told of an attack, or of a later version, for a flipped bit.
            assert isinstance(found, Damaged)
        else:
            # What goes unnoticed is in the padding, the times of day and the like.
            assert equal(found, STATE)
            unnoticed.add(offset)
    assert not data & unnoticed


@pytest.mark.parametrize("member", ["archive/data/0", "archive/data.pkl", "archive/byteorder"])
def test_a_tensor_that_a_flipped_bit_calls_a_folder_is_noticed(path, member):
    """All checksums still hold, and torch.load would return memory that it never wrote."""
    content = path.read_bytes()
    name = content.rindex(member.encode())
    flip(path, name - 46 + 38, bit=4)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    with pytest.raises(Damaged, match=f"member {member} is not stored"):
        read_checked(path)


def test_cut_short_anywhere_it_is_noticed(path, tmp_path):
    whole = path.read_bytes()
    other = tmp_path / "short.pt"
    for length in range(0, len(whole), 7):
        other.write_bytes(whole[:length])
        with pytest.raises(Damaged):
            read_checked(other)
    other.write_bytes(whole[:-1])
    with pytest.raises(Damaged, match="cut short"):
        read_checked(other)
    with pytest.raises(Damaged, match="cut short"):
        read_header(other)
    other.write_bytes(b"")
    with pytest.raises(Damaged, match="empty"):
        read_checked(other)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path, content):
    path = tmp_path / "random.pt"
    path.write_bytes(content)
    with pytest.raises(Damaged):
        read_checked(path)


def test_a_tail_of_zeros_is_noticed(path):
    """What some file systems leave after a power cut: the right length, the end never written."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    with pytest.raises(Damaged):
        read_checked(path)


def rewrite(path, changes, compression=zipfile.ZIP_STORED):
    """The same archive, with valid checksums, where members are replaced or (None) left out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= changes
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)


def pickled(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("archive/data.pkl")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_forged_pickle_with_right_checksums_is_refused_or_is_plain_data(path, tmp_path, data):
    """Whatever the unpickler stumbles over, its reader gets one of our sentences."""
    content = bytearray(pickled(path))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    forged = tmp_path / "forged.pt"
    shutil.copy(path, forged)
    rewrite(forged, {"archive/data.pkl": bytes(content)})
    for read in (read_checked, read_mapped, read_header):
        found = outcome(read, forged)
        if isinstance(found, CheckpointError):
            assert str(found).isprintable()
        else:
            assert read is read_header or found["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"archive/data/0": None}, "cannot be loaded"),
        ({"archive/data.pkl": None}, "no data.pkl"),
        ({"archive/data.pkl": b""}, "cannot be loaded|more than plain data"),
        ({"archive/byteorder": b"sideways"}, "cannot be loaded"),
    ],
)
def test_an_archive_that_lacks_something_is_refused(path, changes, said):
    rewrite(path, changes)
    with pytest.raises(CheckpointError, match=said):
        read_checked(path)


def test_a_compressed_archive_is_refused_before_it_unpacks(path):
    rewrite(path, {"archive/data/bomb": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(Damaged, match="not stored as a checkpoint"):
        read_checked(path)
    with pytest.raises(Damaged, match="not stored as a checkpoint"):
        read_header(path)


class Evil:
    """Unpickled by the ordinary pickle it makes a file; so the test can see that it never is."""

    marker = None

    def __reduce__(self):
        return (exec, (f"open({str(self.marker)!r}, 'w').close()",))


@pytest.fixture
def marker(tmp_path, monkeypatch):
    marker = tmp_path / "executed"
    monkeypatch.setattr(Evil, "marker", marker)
    # Other people's switches for it change nothing.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    pickle.loads(pickle.dumps(Evil()))
    assert marker.exists()
    marker.unlink()
    return marker


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("where", ["top", "inside", "key"])
def test_a_pickle_with_code_is_refused_named_and_never_run(tmp_path, marker, where, protocol):
    path = tmp_path / "evil.pt"
    state = {"top": Evil(), "inside": STATE | {"model": {"w": Evil()}}, "key": {Evil(): 1}}[where]
    torch.save(state, path, pickle_protocol=protocol)
    for read in (read_checked, read_mapped, read_header):
        with pytest.raises(Untrusted) as refusal:
            read(path)
        assert "builtins.exec" in str(refusal.value)
        assert "untrusted" in str(refusal.value)
        # torch's own advice in this case is to load it with weights_only=False.
        assert "weights_only" not in str(refusal.value)
        assert refusal.value.__cause__ is None
    check_whole(path)
    assert not marker.exists()


@pytest.mark.parametrize("opcodes", [b"(cos\nsystem\n.", b"\x80\x04\x8c\x02os\x8c\x06system\x93."])
def test_names_are_found_in_pickles_that_torch_never_writes(path, opcodes):
    rewrite(path, {"archive/data.pkl": opcodes})
    with pytest.raises(Untrusted, match=r"os\.system"):
        read_checked(path)


def test_a_hostile_name_cannot_write_to_the_terminal(path):
    rewrite(path, {"archive/data.pkl": b"cos\n\x1b[2J" + b"system" * 100 + b"\n."})
    with pytest.raises(Untrusted) as refusal:
        read_checked(path)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 600


def test_code_in_the_old_format_or_without_one_is_refused(tmp_path, marker):
    path = tmp_path / "evil.pt"
    torch.save(Evil(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(Damaged, match="no zip archive"):
        read_checked(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(Damaged, match="no zip archive"):
        read_checked(path)
    assert not marker.exists()


def test_a_program_is_refused(tmp_path):
    path = tmp_path / "program.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/constants.pkl", pickle.dumps(()))
    with pytest.raises(Untrusted, match="TorchScript"):
        read_checked(path)


def test_a_later_version_is_not_called_damaged(tmp_path):
    path = tmp_path / "later.pt"
    torch.save({"schema": SCHEMA + 1, "everything": "else"}, path)
    with pytest.raises(Newer, match=f"schema {SCHEMA + 1}"):
        read_checked(path)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ([1, 2], "no schema number"),
        ({}, "no schema number"),
        ({"schema": True}, "no schema number"),
        ({"schema": 0}, "never was"),
        (STATE | {"step": "600"}, "its step is of type str"),
        (STATE | {"step": True}, "its step is of type bool"),
        (STATE | {"best": {"step": 3}}, "best has no"),
        (STATE | {"best": {"step": 3.0, "loss": 1.0}}, "best has no"),
        (STATE | {"kind": "picture"}, "no known kind"),
        *[
            ({k: v for k, v in STATE.items() if k != name}, f"no {name}")
            for name in ("step", "best")
        ],
    ],
)
def test_what_is_no_state_is_refused(tmp_path, state, said):
    with pytest.raises(Damaged, match=said):
        header_of(state, tmp_path)


def test_weights_have_the_same_header(tmp_path):
    write_checked(tmp_path / "final.pt", make_weights(7), 0)
    assert read_header(tmp_path / "final.pt").kind == "weights"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(5, "Input/output error"), RuntimeError("can't allocate memory")],
)
def test_what_the_machine_does_is_not_called_damage(path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(Exception) as raised:  # noqa: B017 (which one is the question)
        read_checked(path)
    assert raised.value is error


def test_a_file_that_is_not_there_is_the_system_s_own_error(tmp_path):
    for read in (read_checked, read_mapped, read_header, check_whole):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.pt")


def test_the_header_is_plain_enough_for_json(path):
    assert json.loads(json.dumps(vars(read_header(path))))["step"] == 600
