"""OpenAI's GPT-2 in four sizes (Radford et al. 2019), as the Hugging Face Hub has it.

One file each, from a pinned commit, or from DATA_MIRROR as `<repository>/model.safetensors`. Where
its digest is not written down here it is the one that the hub states for the commit, or SHA256SUMS
of the mirror. What the file is follows from its name, so no config.json is fetched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets.download import Resource, fetch, in_folder, is_folder
from gpt2.datasets.errors import CORRUPT, DataError
from gpt2.datasets.listing import (
    Remote,
    authorization,
    hub,
    hub_files,
    mirror_files,
    mirror_size,
)
from gpt2.exchange.config import WEIGHTS_NAME, Described
from gpt2.exchange.errors import MISSING, USAGE, ExchangeError
from gpt2.exchange.fit import NAMED_SIZES
from gpt2.exchange.layouts import GPT2
from gpt2.shape import STANDARD_EXPANSION
from lib.claims import claim
from lib.cli import ROOT

TOKENS = 50257
POSITIONS = 1024


@dataclass(frozen=True)
class Published:
    """One repository of the hub at one commit; a branch would move."""

    repository: str
    revision: str
    size: int | None = None
    sha256: str | None = None


PUBLISHED = {
    "gpt2": Published(
        "openai-community/gpt2",
        "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        548_105_171,
        "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    ),
    "gpt2-medium": Published(
        "openai-community/gpt2-medium",
        "6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
        1_519_984_962,
        "fc5a354a19255ad494f3d71549390baca1ccf61d1d822b9408971705c687c9cd",
    ),
    "gpt2-large": Published(
        "openai-community/gpt2-large", "32b71b12589c2f8d625668d2335a01cac3249519"
    ),
    "gpt2-xl": Published(
        "openai-community/gpt2-xl",
        "15ea56dee5df4983c59b2538573817e1667135e2",
        sha256="0f8b28eb05a8075f48b61b6f35332978c74fc7763fa9fb4051a1c30511736a6a",
    ),
}


def described(name: str) -> Described:
    """What the file of that name holds, in our terms."""
    layers, heads, width = NAMED_SIZES[name]
    values = {
        "n_layer": layers,
        "n_head": heads,
        "n_kv_head": heads,
        "n_embd": width,
        "ffn_hidden": STANDARD_EXPANSION * width,
        "vocab_size": TOKENS,
        "normalization": "layernorm",
        "norm_position": "pre",
        "position_encoding": "learned-absolute",
        "rope_theta": None,
        "ffn_type": "standard",
        "activation": "gelu-tanh",
        "qk_norm": False,
        "weight_tying": True,
    }
    return Described(GPT2, values, POSITIONS)


def check_tokenizer(name: str, tokenizer: str, dataset: str) -> None:
    """Raise ExchangeError for data in other tokens: each row of the vocabulary means a token."""
    if tokenizer != "gpt2":
        raise ExchangeError(
            f"INIT_FROM={name} knows GPT-2's tokens, and DATASET={dataset} is prepared in tokens "
            f"of the kind {tokenizer}. Choose a dataset in GPT-2's tokens, such as shakespeare.",
            USAGE,
        )


def fetch_published(
    name: str, settings: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[Path, str]:
    """The file and its SHA-256. Raises DataError, with what to put where."""
    published, place = PUBLISHED[name], mirror(settings)
    cache = data_arguments(settings)["data_dir"] / "cache"
    try:
        # One at a time: runs of a matrix that start together want the same file.
        with claim(cache, wait=True):
            resource = _resource(published, place)
            if is_folder(place):
                return in_folder(resource, ROOT / place), resource.sha256
            return fetch(resource, cache, place, say), resource.sha256
    except DataError as error:
        if error.exit_status != MISSING:
            raise
        raise DataError(
            f"{error} The file belongs there as {published.repository}/{WEIGHTS_NAME}; or name a "
            f"folder that has it beside its config.json: INIT_FROM=/path/to/{name}.",
            MISSING,
        ) from error


def _resource(published: Published, place: str) -> Resource:
    repository, revision = published.repository, published.revision
    size, sha256 = published.size, published.sha256
    if size is None or sha256 is None:
        found = _listed(published, place)
        sha256 = sha256 or found.sha256
        size = found.size if found.size is not None else mirror_size(repository, place, found.path)
    return Resource(
        url=f"{hub()}/{repository}/resolve/{revision}/{WEIGHTS_NAME}",
        size=size,
        sha256=sha256,
        mirror_path=f"{repository}/{WEIGHTS_NAME}",
        authorization=authorization(),
    )


def _listed(published: Published, place: str) -> Remote:
    """What the mirror or the hub says of the file."""
    if place and published.sha256 is not None:
        return Remote(WEIGHTS_NAME, None, published.sha256)
    if place:
        found = mirror_files(published.repository, place, WEIGHTS_NAME)
    else:
        found = hub_files(f"models/{published.repository}", published.revision, "")
    for remote in found:
        if remote.path == WEIGHTS_NAME:
            return remote
    raise DataError(
        f"The listing of {published.repository} has no {WEIGHTS_NAME}. Set DATA_MIRROR to a folder "
        "or address that has it.",
        CORRUPT,
    )
