"""An export: a folder that transformers loads, written whole or not at all.

Everything goes into a hidden folder beside the wanted one, to the disk, and gets its name last. A
folder that is there is never touched.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from gpt2.exchange.config import CONFIG_NAME, WEIGHTS_NAME, config_of
from gpt2.exchange.errors import IO, USAGE, ExchangeError
from gpt2.exchange.layouts import layout_of
from gpt2.model import GPT
from lib.console import size
from lib.files import fsync_path
from lib.lease import NO_LOCKS

# Beside the weights: texts.
_BESIDE_WEIGHTS_BYTES = 4 << 20


def check_target(folder: Path) -> None:
    """Raise ExchangeError for a place that is taken."""
    is_free = not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free:
        raise ExchangeError(
            f"{folder} is there already, and an export replaces nothing. Remove it, or name "
            "another folder with OUT=.",
            USAGE,
        )


def write_export(folder: Path, model: GPT, eot: int | None, texts: Mapping[str, str]) -> None:
    """Write config.json, the weights and other `texts` by their names.

    eot: the token that ends a text, None if there is none. Raises ExchangeError, OSError; then
    nothing is left.
    """
    layout = layout_of(model.shape)
    check_target(folder)
    tensors = their_tensors(model)
    needed = sum(tensor.nbytes for tensor in tensors.values()) + _BESIDE_WEIGHTS_BYTES
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise ExchangeError(
            f"{folder} needs {size(needed)}, and {size(free)} are free there. Free some space, or "
            "name a folder on another disk with OUT=.",
            IO,
        )
    config = json.dumps(config_of(model.shape, layout, eot), indent=2) + "\n"
    with _partial(folder) as partial:
        for name, text in {CONFIG_NAME: config, **texts}.items():
            (partial / name).write_text(text, encoding="utf-8")
        try:
            save_file(tensors, partial / WEIGHTS_NAME, metadata={"format": "pt"})
        except SafetensorError as error:
            raise ExchangeError(
                f"{folder} could not be written: {error}. Mend that and give the command again.", IO
            ) from error
        # The library keeps its file from everybody else.
        shutil.copymode(partial / CONFIG_NAME, partial / WEIGHTS_NAME)


@torch.no_grad()
def their_tensors(model: GPT) -> dict[str, Tensor]:
    """All tensors under their names in the file: the same numbers, zeros and padding included."""
    parameters = dict(model.named_parameters())
    found: dict[str, Tensor] = {}
    for pair in layout_of(model.shape).pairs(model.shape, model.shape.block_size):
        if not pair.is_here:
            found |= {
                name: torch.zeros(shape)
                for name, shape in zip(pair.theirs, pair.shapes, strict=True)
            }
            continue
        value = parameters.pop(pair.ours).detach()
        value = value.T if pair.is_transposed else value
        parts = value.split([shape[0] for shape in pair.shapes])
        for name, shape, part in zip(pair.theirs, pair.shapes, parts, strict=True):
            assert part.shape == shape, (name, part.shape, shape)
            found[name] = part.contiguous()
    assert not parameters, parameters.keys()
    return found


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A hidden folder that becomes `folder` at the end of the block, or nothing if it fails."""
    partial = folder.with_name(f".{folder.name}.partial")
    partial.mkdir(exist_ok=True)
    held = os.open(partial, os.O_RDONLY)
    try:
        try:
            # Vanishes with its process: what a killed export left is held by nobody.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExchangeError(
                f"{folder} is being written by another process. Wait for it, or name another "
                "folder with OUT=.",
                USAGE,
            ) from None
        except OSError as error:
            # Without locks nobody is told of a second export into the same folder.
            if error.errno not in NO_LOCKS:
                raise
        try:
            for old in partial.iterdir():
                old.unlink()
            yield partial
            for path in partial.iterdir():
                fsync_path(path)
            fsync_path(partial)
            check_target(folder)
            os.replace(partial, folder)
            fsync_path(folder.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(held)
