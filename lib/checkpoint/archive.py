"""Reading a checkpoint as what it may be: damaged, hostile, or of another version.

A checkpoint is what torch.save writes: a zip of stored members with CRC-32s, one a tensor, and a
pickle that says how they hang together. torch.load compares no checksum, so a flipped bit in a
weight loads silently; every byte is therefore read and compared first. The pickle is loaded with
weights_only=True and in no other way: that accepts plain containers and tensors and calls nothing.
"""

import contextlib
import errno
import pickle
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import torch

from lib.checkpoint.errors import CheckpointError, Damaged, Newer, Untrusted, printable

SCHEMA = 1
TRAINING = "training"
WEIGHTS = "weights"

State = dict[str, Any]
"""What a file holds: the fields of Header, `schema`, and whatever belongs to the caller."""

BLOCK_BYTES = 1 << 20
FOLDER = 0x10  # the bit of a DOS folder in the attributes of a zip's member
PROTOCOL = b"\x80\x02"  # how a pickle of torch.save begins

# The types of the fields, exactly: True is not a step, and a number of numpy is not plain.
_FIELDS: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "step": (int,),
    "tokens": (int,),
    "config_hash": (str,),
    "settings": (dict,),
    "val_loss": (float, int, NoneType),
    "best": (dict, NoneType),
}


@dataclass(frozen=True)
class Header:
    """The plain fields at the top of every state."""

    kind: str
    """TRAINING: all that a run needs to continue; WEIGHTS: what a model needs to be used."""
    step: int
    tokens: int
    config_hash: str
    settings: Mapping[str, Any]
    val_loss: float | None
    """The last validation loss in nats per token; None before the first evaluation."""
    best: Mapping[str, Any] | None
    """The best evaluation so far, with `loss` and `step`; None before the first."""

    @property
    def best_step(self) -> int | None:
        return self.best["step"] if self.best else None


def header_of(state: object, path: Path) -> Header:
    """The header of a loaded state. path: for the message. Raises Damaged and Newer."""
    if type(state) is not dict or type(state.get("schema")) is not int:
        raise Damaged(path, "it is no checkpoint of this project: it has no schema number")
    if state["schema"] > SCHEMA:
        raise Newer(path, state["schema"], SCHEMA)
    if state["schema"] < 1:
        raise Damaged(path, f"there never was a schema {state['schema']}")
    for name, types in _FIELDS.items():
        if name not in state:
            raise Damaged(path, f"it has no {name}")
        if type(state[name]) not in types:
            raise Damaged(path, f"its {name} is of type {type(state[name]).__name__}")
    if state["kind"] not in (TRAINING, WEIGHTS):
        raise Damaged(path, f"it is of no known kind ({printable(state['kind'])})")
    best = state["best"]
    if best and not (type(best.get("step")) is int and type(best.get("loss")) in (float, int)):
        raise Damaged(path, "its best has no step and loss")
    return Header(**{name: state[name] for name in _FIELDS})


def read_checked(path: Path) -> State:
    """Every byte compared with its checksum, then loaded to host memory.

    Raises Damaged, Untrusted, Newer; OSError where the machine and not the file is at fault.
    """
    check_whole(path)
    state = _load(path, mmap=False)
    header_of(state, path)
    return state


def read_mapped(path: Path) -> State:
    """As `read_checked`, but tensors are read from the file when they are used.

    For a few of the tensors of a large file. The file must not be written while the state lives.
    """
    check_whole(path)
    state = _load(path, mmap=True)
    header_of(state, path)
    return state


def read_header(path: Path) -> Header:
    """The header alone, in milliseconds: of the tensors nothing is read, and nothing checked.

    Raises as `read_checked`.
    """
    with _opened(path) as archive:
        _check_member(path, archive, _pickle_member(path, archive))
    return header_of(_load(path, mmap=True), path)


def check_whole(path: Path) -> None:
    """Read all of the file and compare each member with its CRC-32. Raises Damaged, OSError."""
    with _opened(path) as archive:
        for member in archive.infolist():
            _check_member(path, archive, member)


def _check_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    name = printable(member.filename)
    # Compressed, it is not from torch.save, and could unpack to more than the file's own size. As
    # a folder, by one flipped bit in the table of contents, it would load as random memory.
    is_stored = member.compress_type == zipfile.ZIP_STORED
    if not is_stored or member.compress_size != member.file_size or member.external_attr & FOLDER:
        raise Damaged(path, f"its member {name} is not stored as a checkpoint stores it")
    with _damage(path, f"its member {name} is not as it was written"), archive.open(member) as file:
        while file.read(BLOCK_BYTES):
            pass


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    length = path.stat().st_size
    if length == 0:
        raise Damaged(path, "it is empty (0 bytes)")
    with open(path, "rb") as file:
        is_begun = file.read(4) == zipfile.stringFileHeader
        what = (
            f"it is cut short or its table of contents is spoilt ({length:,} bytes)"
            if is_begun
            else "it is no checkpoint (no zip archive)"
        )
        with _damage(path, what):
            archive = zipfile.ZipFile(file)
        with archive:
            yield archive


def _pickle_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    for member in archive.infolist():
        if member.filename.endswith("/data.pkl"):
            return member
    raise Damaged(path, "it is no checkpoint (it has no data.pkl)")


def _load(path: Path, mmap: bool) -> object:
    """What the file holds, by weights_only. Its checksums have been compared by the caller."""
    with _opened(path) as archive:
        pickled = archive.read(_pickle_member(path, archive))
        # torch.load would hand these to torch.jit.load: code by another door.
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise Untrusted(path, ["a TorchScript program"])
        if not pickled.startswith(PROTOCOL):
            raise Untrusted(path, _calls(path, pickled))
        try:
            with _damage(path, "it cannot be loaded"):
                return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)
        except _NotPlain:
            # Not chained: torch's own message recommends to load it with weights_only=False.
            raise Untrusted(path, _calls(path, pickled)) from None


class _NotPlain(Exception):
    """weights_only refused the pickle."""


@contextmanager
def _damage(path: Path, what: str) -> Iterator[None]:
    """Whatever the bytes of a file provoke in its reader is damage of the file.

    What the machine does is not: a disk that does not answer or a lack of memory must not make
    anyone set a good checkpoint aside.
    """
    try:
        yield
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise _NotPlain from error
    except Exception as error:
        if _is_of_the_machine(error):
            raise
        raise Damaged(path, f"{what} ({_first_line(error)})") from error


def _is_of_the_machine(error: Exception) -> bool:
    if isinstance(error, OSError):
        # EINVAL: a spoilt table of contents made zipfile seek to before the file.
        return error.errno not in (None, errno.EINVAL)
    is_allocation = isinstance(error, RuntimeError) and "alloc" in str(error)
    return is_allocation or isinstance(error, MemoryError)


def _calls(path: Path, pickled: bytes) -> list[str]:
    """The names that a refused pickle would call, as far as they can be told without running it."""
    # A courtesy: whatever the bytes provoke in a parser, the refusal stands.
    with contextlib.suppress(Exception):
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
    # torch's function knows the opcodes of torch.save; a hostile pickle may use any.
    names = set()
    strings: list[str] = []
    with contextlib.suppress(Exception):
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in ("GLOBAL", "INST"):
                names.add(".".join(str(argument).split(" ", 1)))
            elif opcode.name == "STACK_GLOBAL":
                names.add(".".join(strings[-2:]))
            elif isinstance(argument, str):
                strings.append(argument)
    return sorted(names)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return printable(text.splitlines()[0] if text else type(error).__name__)
