"""What a corpus is: something that yields text and a tokenizer. One file for each beside this."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gpt2.datasets.download import Progress
from gpt2.datasets.manifest import Manifest
from gpt2.datasets.tokenizers import Tokenizer


class Request(NamedTuple):
    """Which dataset, from and to where; what the Kconfig menu "Data" says.

    Relative paths start at the root of the repository.
    """

    dataset: str
    data_dir: Path
    # "", a folder, or a base URL.
    mirror: str
    # None unless the dataset is `custom`.
    custom_path: str | None
    custom_tokenizer: str | None

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


class Corpus(ABC):
    """One corpus. A subclass gives `description` and `load`, and may override the rest."""

    # One line for people.
    description: str

    def folder_name(self, request: Request) -> str:
        """The name of the prepared folder below DATA_DIR."""
        return request.dataset

    @abstractmethod
    def load(self, request: Request, progress: Progress) -> Material:
        """The whole text. Raises DataError."""

    def check(  # noqa: B027 (not abstract: most corpora have nothing to compare)
        self, manifest: Manifest, request: Request, progress: Progress
    ) -> None:
        """Compare what was prepared with its source as it is now. Raises DataError."""
