"""Corpora of the Hugging Face Hub: fetched a file at a time, read as a stream, never kept whole.

A file is fetched from the pinned commit, or from DATA_MIRROR as `<dataset>/<path in the
repository>`, and checked by size and SHA-256 before a row of it is read; a folder's files are read
where they lie. A download goes on where it broke off, and leaves the cache when its tokens are in
finished shards.
"""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from gpt2.datasets.amount import parse_tokens, write_tokens
from gpt2.datasets.articles import Articles
from gpt2.datasets.corpus import Corpus, Forecast, Request, Stream
from gpt2.datasets.documents import Documents, Position
from gpt2.datasets.download import Progress, fetch, in_folder, is_folder
from gpt2.datasets.errors import MISSING, DataError
from gpt2.datasets.files import FileDocuments
from gpt2.datasets.listing import Published, Remote, list_files, of_split, resource_of
from gpt2.datasets.parquet import BATCH_ROWS, reader_version
from gpt2.datasets.tokenizers import GPT2_MERGES, GPT2Tokenizer
from lib.cli import ROOT

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# What the speed runs of the field (modded-nanogpt, llm.c) measure: the first 10,485,760 tokens.
# We hold out so many, or a tenth of what is asked for where that is less.
VALIDATION_TOKENS = 10_485_760


class HubCorpus(Corpus):
    """One published corpus in GPT-2's vocabulary, with an end of text before each document."""

    def __init__(self, description: str, published: Published) -> None:
        self.description = description
        self.published = published
        self.stated = (
            f"{published.documents:,} documents, about {write_rounded(published.tokens)} tokens, "
            f"{published.download_bytes / 1e9:.3g} GB to fetch, {published.licence}"
        )

    def folder_name(self, request: Request) -> str:
        tokens = parse_tokens(request.tokens or "0")
        name = f"{request.dataset}-{write_tokens(tokens)}" if tokens else request.dataset
        if self._revision(request) != self.published.revision:
            name += f"-r{hashlib.sha256(self._revision(request).encode()).hexdigest()[:8]}"
        return name

    def forecast(self, request: Request) -> Forecast:
        published, tokens = self.published, parse_tokens(request.tokens or "0")
        wanted = min(tokens or published.tokens, published.tokens)
        is_head = published.validation is None
        held_out = held_out_tokens(tokens, published.tokens) if is_head else 0
        return Forecast(wanted - held_out, self._fetched_bytes(wanted) + GPT2_MERGES.size)

    def _fetched_bytes(self, wanted: int) -> int:
        """Of the first files that have so many tokens, and of the validation split."""
        published = self.published
        number = math.ceil(wanted / published.tokens * published.train_files)
        if not published.files:
            return published.download_bytes * number // published.train_files
        train = of_split(list(published.files), published.train)
        others = [remote for remote in published.files if remote not in train]
        return sum(remote.size or 0 for remote in [*train[:number], *others])

    def load(self, request: Request, progress: Progress) -> Stream:
        published, revision = self.published, self._revision(request)
        version = reader_version()
        merges = _advised(fetch, GPT2_MERGES, request.cache, request.mirror, progress)
        tokens = parse_tokens(request.tokens or "0")
        files = _advised(list_files, published, request.dataset, revision, request.mirror)
        train = self._split(files, published.train, request, progress)
        if published.validation is None:
            validation, held_out = None, held_out_tokens(tokens, published.tokens)
            limit = tokens - held_out if tokens else None
        else:
            validation, held_out = self._split(files, published.validation, request, progress), None
            limit = tokens or None
        sizes = [remote.size or 0 for remote in of_split(files, published.train)]
        return Stream(
            train=train,
            validation=validation,
            train_tokens=limit,
            validation_tokens=held_out,
            tokenizer=GPT2Tokenizer(merges),
            identity={
                "repository": published.repository,
                "revision": revision,
                "files": [[remote.path, remote.sha256] for remote in files],
                "reader": [version, BATCH_ROWS],
            },
            source=lambda position: self._source(files, revision, position),
            expected_tokens=min(tokens or published.tokens, published.tokens),
            cached_bytes=0 if is_folder(request.mirror) else max(sizes, default=0),
        )

    def _revision(self, request: Request) -> str:
        return request.revision or self.published.revision

    def _split(
        self, files: list[Remote], pattern: str, request: Request, progress: Progress
    ) -> Documents:
        remotes = of_split(files, pattern)
        if not remotes:
            raise DataError(
                f"{self.published.repository} has no file {pattern} at revision "
                f"{self._revision(request)}. Set DATASET_REVISION to one that has, or leave it "
                "empty.",
                MISSING,
            )
        rows = FileDocuments(
            [_RemoteFile(remote, self.published, request, progress) for remote in remotes],
            self.published.column,
            request.cache,
        )
        return Articles(rows) if self.published.is_articles else rows

    def _source(self, files: list[Remote], revision: str, position: Position) -> dict[str, Any]:
        """What was read: the files up to the position, and the digest of their digests."""
        published = self.published
        number = position[0][0] if published.is_articles else position[0]
        used = of_split(files, published.train)[: number + 1]
        if published.validation is not None:
            used += of_split(files, published.validation)
        sums = "".join(f"{remote.sha256}  {remote.path}\n" for remote in used)
        return {
            "repository": published.repository,
            "revision": revision,
            "licence": published.licence,
            "files": len(used),
            "sha256": hashlib.sha256(sums.encode()).hexdigest(),
        }


class _RemoteFile:
    """A file that is fetched when it is its turn."""

    def __init__(
        self, remote: Remote, published: Published, request: Request, progress: Progress
    ) -> None:
        self._remote, self._published = remote, published
        self._request, self._progress = request, progress
        # Where it was found, so that it is not checked once for each split.
        self._path: Path | None = None

    def local(self) -> Path:
        self._path = self._path or _advised(self._obtain)
        return self._path

    def release(self) -> None:
        # Of a mirror that is a folder nothing is in the cache, and the mirror is not ours.
        cached = self._request.cache / self._request.dataset / self._remote.path
        cached.unlink(missing_ok=True)

    def _obtain(self) -> Path:
        request = self._request
        revision = request.revision or self._published.revision
        resource = resource_of(
            self._remote, self._published, request.dataset, revision, request.mirror
        )
        if is_folder(request.mirror):
            return in_folder(resource, ROOT / request.mirror)
        return fetch(resource, request.cache, request.mirror, self._progress)


def held_out_tokens(tokens: int, stated: int) -> int:
    """The size of a validation split that is the head of the text; `tokens` 0 is all there are."""
    return min(VALIDATION_TOKENS, min(tokens or stated, stated) // 10)


def write_rounded(tokens: int) -> str:
    """Three digits, for people."""
    return f"{tokens / 1e9:.3g}B" if tokens >= 10**9 else f"{tokens / 1e6:.3g}M"


def _advised(
    call: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """What else can be done without the network, where that is what is missing."""
    try:
        return call(*args, **kwargs)
    except DataError as error:
        if error.exit_status != MISSING:
            raise
        raise DataError(
            f"{error} Parquet files of your own: DATASET=custom CUSTOM_DOCUMENTS=y CUSTOM_PATH=...",
            MISSING,
        ) from error
