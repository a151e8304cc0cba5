"""A text of the user's own: one UTF-8 file of any name, or a folder.

Of a folder every file below it counts whose name ends in one of TEXT_SUFFIXES, in the order of
the paths relative to the folder; what does not count is said (folders.py). A file that counts but
is not UTF-8 text is an error, not a silent gap. The whole text is held in memory while it is
prepared; for texts too large for that, and for parquet and JSON, there is CUSTOM_DOCUMENTS
(custom_documents.py).
"""

import hashlib
import os
from pathlib import Path

from gpt2.datasets.amount import parse_tokens
from gpt2.datasets.corpus import Corpus, Forecast, Material, Request, Stream
from gpt2.datasets.custom_documents import documents_digest, documents_folder, load_documents
from gpt2.datasets.download import Progress, fetch
from gpt2.datasets.errors import CORRUPT, MISSING, USAGE, DataError, listed, reading_failed, shown
from gpt2.datasets.files import DOCUMENT_SUFFIXES
from gpt2.datasets.folders import TEXT_SUFFIXES, Found, has_suffix, left_out_lines, look
from gpt2.datasets.hub import held_out_tokens
from gpt2.datasets.manifest import Manifest
from gpt2.datasets.marks import decoded
from gpt2.datasets.tokenizers import (
    GPT2_MERGES,
    ByteTokenizer,
    CharacterTokenizer,
    GPT2Tokenizer,
    Tokenizer,
)
from lib.cli import ROOT


class Custom(Corpus):
    """CUSTOM_PATH, tokenised by CUSTOM_TOKENIZER."""

    description = "your own text (CUSTOM_PATH); with CUSTOM_DOCUMENTS=y parquet, JSON"

    def folder_name(self, request: Request) -> str:
        if request.custom_documents:
            return documents_folder(_root(request), request)
        # Two texts, or one text under two tokenizers, must not take each other's place.
        key = f"{_root(request)}\0{request.custom_tokenizer}"
        return f"custom-{hashlib.sha256(os.fsencode(key)).hexdigest()[:8]}"

    def forecast(self, request: Request) -> Forecast:
        tokens = parse_tokens(request.tokens or "0")
        is_gpt2 = request.custom_tokenizer == "gpt2"
        return Forecast(
            tokens - held_out_tokens(tokens, tokens) if tokens else None,
            GPT2_MERGES.size if is_gpt2 else 0,
        )

    def load(self, request: Request, progress: Progress) -> Material | Stream:
        root = _root(request)
        if request.custom_documents:
            _check_there(root)
            return load_documents(root, request, progress)
        _check_no_documents(root)
        found = _found(root)
        for line in left_out_lines(root, found):
            progress(line)
        files = _read(root, found)
        empty = [shown(name) for name, data in files if not data]
        if empty and len(empty) < len(files):
            progress(f"empty, so nothing of the text: {listed(empty)}")
        if not any(data for _, data in files):
            raise DataError(
                f"CUSTOM_PATH={root} has no text. Name a file with text in it, or a folder with "
                f"such files; of a folder these count: {' '.join(TEXT_SUFFIXES)}. For parquet and "
                "JSON set CUSTOM_DOCUMENTS=y.",
                CORRUPT,
            )
        pieces = [decoded(root / name if name else root, data) for name, data in files]
        source = {"path": str(root), "files": len(files), "sha256": _digest(files)}
        return Material(pieces, self._tokenizer(request, pieces, progress), source)

    def check(self, manifest: Manifest, request: Request, progress: Progress) -> None:
        root = _root(request)
        if not root.exists():
            progress(f"{root} is gone; using what was prepared from it")
            return
        if request.custom_documents:
            is_same = documents_digest(root) == manifest.source.get("listing")
        else:
            is_same = _digest(_read(root, _found(root))) == manifest.source.get("sha256")
        if not is_same:
            raise DataError(
                f"The text of CUSTOM_PATH={root} changed after it was prepared. Remove "
                f"{request.data_dir / self.folder_name(request)} and prepare it again, or restore "
                "the text.",
                CORRUPT,
            )

    def _tokenizer(self, request: Request, pieces: list[str], progress: Progress) -> Tokenizer:
        match request.custom_tokenizer:
            case "bytes":
                return ByteTokenizer()
            case "char":
                return CharacterTokenizer.of(pieces)
            case "gpt2":
                return GPT2Tokenizer(fetch(GPT2_MERGES, request.cache, request.mirror, progress))
        raise DataError(
            f"CUSTOM_TOKENIZER={request.custom_tokenizer} is none of gpt2, bytes, char. Set it to "
            "one of these.",
            USAGE,
        )


def _root(request: Request) -> Path:
    if not request.custom_path:
        raise DataError(
            "CUSTOM_PATH is empty. Set it to a text file or a folder of text files.", USAGE
        )
    return (ROOT / request.custom_path).resolve()


def _found(root: Path) -> Found:
    """The files that count; the path of a file is "". Raises DataError."""
    _check_there(root)
    return look(root, TEXT_SUFFIXES) if root.is_dir() else Found([""])


def _read(root: Path, found: Found) -> list[tuple[str, bytes]]:
    """(path relative to `root`, contents) of every file that counts. Raises DataError."""
    files = []
    for name in found.files:
        path = root / name if name else root
        try:
            files.append((name, path.read_bytes()))
        except OSError as error:
            raise reading_failed(error, path) from error
    return files


def _check_there(root: Path) -> None:
    if not root.exists():
        raise DataError(
            f"CUSTOM_PATH={root} does not exist. Set it to a text file or a folder of text files.",
            MISSING,
        )
    if not root.is_dir() and not root.is_file():
        raise DataError(
            f"CUSTOM_PATH={root} is neither a file nor a folder. What a pipe or a device gives is "
            "not the same twice: write it into a file, and name that.",
            USAGE,
        )


def _check_no_documents(root: Path) -> None:
    """Raise DataError for a file that is documents by its name: their braces and keys, or their
    packed bytes, would be the text."""
    if root.is_file() and has_suffix(root.name, DOCUMENT_SUFFIXES):
        raise DataError(
            f"CUSTOM_PATH={root} has documents by its name. Set CUSTOM_DOCUMENTS=y to read the "
            "texts in them; to train on the file as it is, name it .txt.",
            USAGE,
        )


def _digest(files: list[tuple[str, bytes]]) -> str:
    """Of a file what sha256sum prints; of a folder that of sha256sum's output for its files."""
    digests = [(name, hashlib.sha256(data).hexdigest()) for name, data in files]
    if digests and digests[0][0] == "":
        return digests[0][1]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
    return hashlib.sha256(os.fsencode(lines)).hexdigest()
