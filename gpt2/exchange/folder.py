"""The tensors of a folder that transformers saved: one safetensors file, or shards and an index.

A file may be damaged or hostile. The safetensors library checks its header against its size before
anything is read, and no tensor is read before all names and sizes are what they must be. Tensors
are read one at a time, from a memory map.
"""

import hashlib
import re
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gpt2.exchange.config import WEIGHTS_NAME, read_json_file
from gpt2.exchange.errors import CORRUPT, IO, MISSING, ExchangeError, printable
from lib.files import sha256_file

INDEX_NAME = "model.safetensors.index.json"
_LARGEST_INDEX_BYTES = 64 << 20
# What is narrower than float32 widens without a change; anything else would be another number.
_READ_DTYPES = ("F32", "F16", "BF16")


class Weights:
    """The tensors of some safetensors files, by name. To be closed; a context manager."""

    def __init__(self, paths: list[Path], digests: dict[str, str] | None = None) -> None:
        """digests: SHA-256 by file name, where it was found right before. Raises ExchangeError."""
        self.digests = digests or {path.name: sha256_file(path) for path in paths}
        self._place: dict[str, tuple[Path, safe_open]] = {}
        with ExitStack() as stack:
            for path in paths:
                try:
                    file = stack.enter_context(safe_open(path, framework="pt"))
                except (SafetensorError, OSError) as error:
                    raise _damaged(path, printable(error)) from error
                for name in file.keys():  # noqa: SIM118 (it is no mapping)
                    if name in self._place:
                        raise _damaged(path, f"{printable(name)} is in another file too")
                    self._place[name] = path, file
            self._open = stack.pop_all()

    def __enter__(self) -> "Weights":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @property
    def sha256(self) -> str:
        """Of the file; of several, of what `sha256sum` prints for them."""
        if len(self.digests) == 1:
            return next(iter(self.digests.values()))
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.digests.items()))
        return hashlib.sha256(sums.encode()).hexdigest()

    def names(self) -> set[str]:
        return set(self._place)

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises ExchangeError if the tensor is of a kind that is not read."""
        path, file = self._place[name]
        part = file.get_slice(name)
        if part.get_dtype() not in _READ_DTYPES:
            what = f"{printable(name)} is {part.get_dtype()}, not one of {', '.join(_READ_DTYPES)}"
            raise ExchangeError(
                f"{path}: {what}. Save the model in float32 and name that folder.", CORRUPT
            )
        return tuple(part.get_shape())

    def read(self, name: str) -> Tensor:
        """A tensor in float32. Raises ExchangeError if a value is not finite."""
        path, file = self._place[name]
        try:
            tensor = file.get_tensor(name).to(torch.float32)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, printable(error)) from error
        if not torch.isfinite(tensor).all():
            raise _damaged(path, f"{printable(name)} has values that are not finite")
        return tensor


def open_folder(folder: Path) -> Weights:
    """Raises ExchangeError."""
    if (folder / WEIGHTS_NAME).is_file():
        return _opened([folder / WEIGHTS_NAME])
    index = folder / INDEX_NAME
    if not index.is_file():
        pickled = [path.name for path in (*folder.glob("*.bin"), *folder.glob("*.pt"))]
        what = f", only {pickled[0]}, which can run code when it is read" if pickled else ""
        raise ExchangeError(
            f"{folder} has no {WEIGHTS_NAME}{what}. Save the model with transformers' "
            "save_pretrained, which writes safetensors, and name that folder.",
            MISSING,
        )
    places = read_json_file(index, _LARGEST_INDEX_BYTES).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise _damaged(index, "it has no weight_map")
    files = set(places.values()) if all(isinstance(v, str) for v in places.values()) else {""}
    for name in files:
        # A name with a slash would lead out of the folder.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors", name):
            raise _damaged(index, f"it names {printable(name)!r} as a file of weights")
        if not (folder / name).is_file():
            raise ExchangeError(
                f"{folder} has no {name}, which {INDEX_NAME} names. Fetch that file too.", MISSING
            )
    weights = _opened([folder / name for name in sorted(files)])
    if weights.names() != set(places):
        first = min(weights.names() ^ set(places))
        with weights:
            raise _damaged(
                index, f"{printable(first)} is in the index or in the files, not in both"
            )
    return weights


def _opened(paths: list[Path]) -> Weights:
    try:
        return Weights(paths)
    except OSError as error:
        what = f"Cannot read {error.filename}: {error.strerror}. Make it readable."
        raise ExchangeError(what, IO) from error


def _damaged(path: Path, why: str) -> ExchangeError:
    return ExchangeError(
        f"{path} is damaged: {why}. Nothing of it was used; fetch or save it again.",
        CORRUPT,
    )
