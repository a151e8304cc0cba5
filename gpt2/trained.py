"""The trained model of a run, for what is done with it afterwards: samples, HellaSwag, latency.

The weights come from a file of `checkpoints/`, the sizes from the run's frozen configuration, the
tokenizer from the manifest of the dataset that the run was trained on. A file is data, never
code: it is checked by its CRC-32s, loaded with `weights_only=True`, and taken only if it says
that it belongs to this run.
"""

import errno
import pickle
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets import DataError, Manifest, dataset_folder, read_manifest
from gpt2.datasets.errors import CORRUPT, MISSING, prepare_command
from gpt2.datasets.tokenizers import Tokenizer, tokenizer_of
from gpt2.model import GPT, Shape, padded_vocabulary
from lib.cpu import usable_cores
from lib.device import Device, check_bfloat16, find_device
from lib.files import sha256_file
from lib.runs import RunDirectory, short_hash

SCHEMA = 1
KINDS = ("weights", "training")


class CheckpointError(ValueError):
    """A checkpoint that is missing (66) or cannot be used (65)."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file says of a model; `weights` still lie in the file's memory map."""

    path: Path
    weights: Mapping[str, Tensor]
    step: int
    tokens: int
    val_loss: float | None


@dataclass(frozen=True)
class Trained:
    """A model ready to be used: in evaluation mode, float32, on its device."""

    model: GPT
    tokenizer: Tokenizer
    checkpoint: Checkpoint
    sha256: str
    """Of the checkpoint file: what a result says it was measured on."""

    def described(self) -> dict[str, Any]:
        """The checkpoint, for a JSON file."""
        checkpoint = self.checkpoint
        return {
            "file": checkpoint.path.name,
            "sha256": self.sha256,
            "step": checkpoint.step,
            "tokens": checkpoint.tokens,
            "val_loss": checkpoint.val_loss,
        }


def load_trained(
    run: RunDirectory,
    which: str,
    settings: Mapping[str, Any],
    place: "Place",
    say: Callable[[str], None],
) -> Trained:
    """The model of a run as a checkpoint has it.

    which: "latest", "best", or a file, by its path or its name in `checkpoints/`. settings: typed
    values of the run, every axis reduced to its member. `say` receives lines for people.
    Raises CheckpointError, or DataError where the tokenizer cannot be had.
    """
    checkpoint = read_checkpoint(find_checkpoint(run, which), run.config().hash)
    manifest = manifest_of(run, settings)
    model = build_model(settings, manifest.vocab_size, checkpoint, place.device)
    cache = data_arguments(settings)["data_dir"] / "cache"
    tokenizer = tokenizer_of(manifest.tokenizer, cache, mirror(settings), say)
    return Trained(model, tokenizer, checkpoint, sha256_file(checkpoint.path))


def find_checkpoint(run: RunDirectory, which: str) -> Path:
    """The file that "latest", "best" or a path means. Raises CheckpointError if there is none."""
    folder = run.path / "checkpoints"
    final = folder / "final.pt"
    steps = sorted(folder.glob("step-*.pt"), key=lambda path: (len(path.name), path.name))
    if which == "latest":
        # Where a run is under way, weights of an earlier end are not the latest.
        candidates = [*reversed(steps), final]
    elif which == "best":
        # Of a run that has ended, best.pt is there only where the last step was not the best.
        candidates = [folder / "best.pt", final]
    else:
        candidates = [Path(which), folder / which]
    for path in candidates:
        if path.is_file():
            return path
    present = ", ".join(path.name for path in sorted(folder.glob("*.pt")))
    if present:
        raise CheckpointError(
            f"{run.name} has no checkpoint '{which}'. Take latest, or one of {present}.", MISSING
        )
    raise CheckpointError(
        f"{run.name} has no checkpoint: {folder} holds none. `make test-rerun TARGET={run.name}` "
        "computes the run again and keeps its last weights.",
        MISSING,
    )


def read_checkpoint(path: Path, config_hash: str) -> Checkpoint:
    """The model's part of a checkpoint; the rest of the file is not read.

    Raises CheckpointError for a file that is damaged, hostile, or of another configuration.
    """
    payload = _loaded(path)
    if not isinstance(payload, dict) or payload.get("schema") != SCHEMA:
        raise _unusable(path, f"is not a checkpoint of schema {SCHEMA}")
    try:
        kind, weights, found = payload["kind"], payload["model"], str(payload["config_hash"])
        step, tokens, val_loss = payload["step"], payload["tokens"], payload["val_loss"]
    except KeyError as error:
        raise _unusable(path, f"has no {error}") from error
    if kind not in KINDS or not isinstance(weights, dict):
        raise _unusable(path, f"is of kind {kind!r}, which holds no model")
    if found != config_hash:
        raise _unusable(
            path,
            f"is of another configuration ({short_hash(found)}; this run is "
            f"{short_hash(config_hash)})",
        )
    return Checkpoint(path, weights, step, tokens, val_loss)


def _loaded(path: Path) -> object:
    """What the file holds: plain containers and tensors that stay in it until they are used."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        # EINVAL: a spoilt table of contents made zipfile seek to before the file.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        what = f"is damaged: it is no checkpoint or is cut off ({error})"
        raise _unusable(path, what) from error
    if damaged is not None:
        raise _unusable(path, f"is damaged: the checksum of its part {damaged} is wrong")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        called = ", ".join(torch.serialization.get_unsafe_globals_in_checkpoint(path))
        what = f"is untrusted: it would call {called or 'code'}, and was not loaded"
        raise _unusable(path, what) from error
    except (RuntimeError, ValueError, EOFError, KeyError) as error:
        what = f"is damaged: it cannot be read ({str(error).splitlines()[0]})"
        raise _unusable(path, what) from error


def manifest_of(run: RunDirectory, settings: Mapping[str, Any]) -> Manifest:
    """The manifest of the dataset that a run was trained on; it tells the tokenizer.

    Raises DataError if the dataset is not there, or is another one with other characters.
    """
    folder = dataset_folder(**data_arguments(settings))
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(
            f"The tokenizer of {run.name} is in its prepared dataset, and {folder} has none. "
            f"Prepare it with {prepare_command(settings['DATASET'])}.",
            MISSING,
        )
    trained_on = (run.provenance() or {}).get("data", {}).get("hash", manifest.hash)
    # Bytes and GPT-2's tokens mean the same in every dataset; a character is a rank in one.
    if manifest.tokenizer.characters is not None and manifest.hash != trained_on:
        raise DataError(
            f"{run.name} was trained on other data than what is in {folder} now, so its tokens "
            "are other characters. Prepare that data again, or set DATA_DIR to where it is.",
            CORRUPT,
        )
    return manifest


def shape_of(settings: Mapping[str, Any], vocab_size: int) -> Shape:
    """The sizes of a run's model. vocab_size: tokens of its tokenizer, before padding."""
    return Shape(
        n_layer=settings["N_LAYER"],
        n_head=settings["N_HEAD"],
        n_embd=settings["N_EMBD"],
        block_size=settings["BLOCK_SIZE"],
        vocab_size=padded_vocabulary(vocab_size, settings["VOCAB_MULTIPLE"]),
        bias=settings["BIAS"],
        weight_tying=settings["WEIGHT_TYING"],
        dropout=settings["DROPOUT"],
        flash_attention=settings["FLASH_ATTENTION"],
    )


def build_model(
    settings: Mapping[str, Any], vocab_size: int, checkpoint: Checkpoint, device: Device
) -> GPT:
    """The model with the checkpoint's weights. Raises CheckpointError if they do not fit."""
    with torch.device("meta"):
        model = GPT(shape_of(settings, vocab_size))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {
        name: tuple(tensor.shape) if isinstance(tensor, Tensor) else ()
        for name, tensor in checkpoint.weights.items()
    }
    for name in (*wanted, *found):
        if wanted.get(name) != found.get(name):
            raise _unusable(
                checkpoint.path,
                f"has {_sized(name, found.get(name))} where the configuration makes "
                f"{_sized(name, wanted.get(name))}",
            )
    weights = {
        name: tensor.to(device.torch_name, torch.float32, copy=True)
        for name, tensor in checkpoint.weights.items()
    }
    is_tied = settings["WEIGHT_TYING"]
    if is_tied and not torch.equal(weights["head.weight"], weights["token_embedding.weight"]):
        raise _unusable(checkpoint.path, "has a head that is not its token embedding")
    model.load_state_dict(weights, assign=True)
    if is_tied:
        # Assigning gave each its own tensor.
        model.head.weight = model.token_embedding.weight
    return model.eval()


@dataclass(frozen=True)
class Place:
    """Where a model is evaluated, and in what arithmetic: "float32" or "bfloat16"."""

    device: Device
    dtype: str

    def autocast(self) -> AbstractContextManager[None]:
        """As the run was trained and evaluated."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.torch_name, dtype=torch.bfloat16)


def place_of(settings: Mapping[str, Any]) -> Place:
    """The device and the arithmetic that the options ask for, ready. Raises DeviceError."""
    device = find_device(settings["DEVICE"], settings["DEVICE_MEMORY_GIB"] or 0)
    if settings["DTYPE"] == "bfloat16":
        check_bfloat16(device)
    torch.set_num_threads(settings["CPU_THREADS"] or usable_cores())
    return Place(device, settings["DTYPE"])


def _sized(name: str, shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return f"no {name}"
    return f"{name} of {' x '.join(map(str, shape)) or 'no size'}"


def _unusable(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} {what}. Name another one with CHECKPOINT=file, or train the run again.", CORRUPT
    )
