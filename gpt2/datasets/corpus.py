"""What a corpus is: something that yields text and a tokenizer. One file for each beside this."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gpt2.datasets.documents import Documents, Position
from gpt2.datasets.download import Progress
from gpt2.datasets.manifest import Manifest
from gpt2.datasets.tokenizers import Tokenizer


class Request(NamedTuple):
    """Which dataset, from and to where; what the Kconfig menu "Data" says.

    Relative paths start at the root of the repository. An option that the dataset does not have
    is None.
    """

    dataset: str
    data_dir: Path
    # "", a folder, or a base URL.
    mirror: str
    # Of the dataset `custom`.
    custom_path: str | None = None
    custom_tokenizer: str | None = None
    custom_documents: bool | None = None
    custom_text_column: str | None = None
    # Of the streamed ones: how many tokens, as "100M"; and which state of the repository.
    tokens: str | None = None
    revision: str | None = None

    @property
    def cache(self) -> Path:
        """Where downloads stay, so that a second preparation needs no network."""
        return self.data_dir / "cache"


@dataclass(frozen=True)
class Material:
    """Text in one or more pieces (files), how to tokenise it, and facts on where it is from."""

    pieces: list[str]
    tokenizer: Tokenizer
    source: dict[str, Any]
    # Of the characters, at the end of the text.
    validation_pct: int = 10


@dataclass(frozen=True)
class Stream:
    """A text too large for memory: documents, and how many of their tokens are wanted."""

    train: Documents
    # None: the validation split is the head of `train`, and training begins where it ends.
    validation: Documents | None
    # The most tokens of each split; None is all there are.
    train_tokens: int | None
    validation_tokens: int | None
    tokenizer: Tokenizer
    # What tells one text, and one way of reading it, from another: plain JSON. A preparation that
    # was stopped goes on only where this is what it was.
    identity: dict[str, Any]
    # Facts on where the text is from, given the position up to which `train` was read.
    source: Callable[[Position], dict[str, Any]]
    # For the forecast: what both splits will have, and what lies in the cache at a time.
    expected_tokens: int
    cached_bytes: int


class Forecast(NamedTuple):
    """The facts known of a dataset before anything is fetched."""

    # Tokens to train on; None where only the text itself tells.
    train_tokens: int | None
    # Zero where nothing is fetched.
    download_bytes: int


class Corpus(ABC):
    """One corpus. A subclass gives `description` and `load`, and may override the rest."""

    # One line for people.
    description: str
    # What its publishers say of its size; empty where the size is not known before.
    stated = ""

    def folder_name(self, request: Request) -> str:
        """The name of the prepared folder below DATA_DIR."""
        return request.dataset

    def forecast(self, request: Request) -> Forecast:
        """Without the network, and without reading the text. Raises DataError."""
        return Forecast(None, 0)

    @abstractmethod
    def load(self, request: Request, progress: Progress) -> Material | Stream:
        """The whole text, or the way to read it. Raises DataError."""

    def check(  # noqa: B027 (not abstract: most corpora have nothing to compare)
        self, manifest: Manifest, request: Request, progress: Progress
    ) -> None:
        """Compare what was prepared with its source as it is now. Raises DataError."""
