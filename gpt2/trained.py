"""The trained model of a run, for what is done with it afterwards: samples, HellaSwag, latency.

The weights come from a file of `checkpoints/`, the sizes from the run's frozen configuration, the
tokenizer from the manifest of the dataset that the run was trained on. A file is data, never
code: it is checked by its CRC-32s, loaded with `weights_only=True`, and taken only if it says
that it belongs to this run.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpt2.architectures import model_of
from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets import DataError, Manifest, dataset_folder, read_manifest
from gpt2.datasets.errors import CORRUPT, MISSING, prepare_command
from gpt2.datasets.tokenizers import Tokenizer, tokenizer_of
from gpt2.execution import find_facts
from gpt2.model import GPT
from gpt2.speed import decided_dtype
from lib.checkpoint import CheckpointError, CheckpointStore, Missing, read_mapped
from lib.cpu import usable_cores
from lib.device import Device, find_device
from lib.files import sha256_file, user_path
from lib.runs import RunDirectory, short_hash


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
    """The file that "latest", "best" or a path means. Raises Missing if there is none."""
    store = CheckpointStore(run.checkpoints_path)
    present = [*store.steps().values(), *store.weights()]
    if not present:
        raise Missing(
            f"{run.name} has no checkpoint: {store.folder} holds none. `make test-rerun "
            f"TARGET={run.name}` computes the run again and, unless CHECKPOINT_AFTER_RUN=none, "
            "keeps its last weights."
        )
    if which in ("latest", "best"):
        return store.find(which)
    for path in (user_path(which), store.folder / which):
        if path.is_file():
            return path
    names = ", ".join(path.name for path in present)
    raise Missing(f"{run.name} has no checkpoint '{which}'. Take latest, best, or one of {names}.")


def read_checkpoint(path: Path, config_hash: str) -> Checkpoint:
    """The model's part of a checkpoint; the rest of the file is not read to memory.

    Raises CheckpointError for a file that is damaged, hostile, or of another configuration.
    """
    state = read_mapped(path)
    found = state["config_hash"]
    if found != config_hash:
        raise _unusable(
            path,
            f"is of another configuration ({short_hash(found)}; this run is "
            f"{short_hash(config_hash)})",
        )
    weights = state.get("model")
    if not isinstance(weights, dict):
        raise _unusable(path, "holds no model")
    return Checkpoint(path, weights, state["step"], state["tokens"], state["val_loss"])


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


def build_model(
    settings: Mapping[str, Any], vocab_size: int, checkpoint: Checkpoint, device: Device
) -> GPT:
    """The model with the checkpoint's weights. Raises CheckpointError if they do not fit."""
    with torch.device("meta"):
        model = model_of(settings, vocab_size, None)
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
    """The device and the arithmetic that the options ask for, ready.

    Raises DeviceError, and SpeedError for arithmetic that the device does not have.
    """
    device = find_device(settings["DEVICE"], settings["DEVICE_MEMORY_GIB"] or 0)
    torch.set_num_threads(settings["CPU_THREADS"] or usable_cores())
    return Place(device, decided_dtype(settings, find_facts(device, os.environ)))


def _sized(name: str, shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return f"no {name}"
    return f"{name} of {' x '.join(map(str, shape)) or 'no size'}"


def _unusable(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} {what}. Name another one with CHECKPOINT=file, or train the run again."
    )
