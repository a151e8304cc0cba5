"""A corpus of the user's own as documents: CUSTOM_PATH with CUSTOM_DOCUMENTS=y.

One file, or a folder with parquet or JSON; in a folder that has neither, each text file is a
document. What is read as what is said, and what is left out. It is read as a stream, so it may be
larger than the memory, and DATASET_TOKENS limits it. Validation is its head: a tenth, at most as
much as of the published corpora. The size of the whole is not known before it is read, so a tenth
is counted from the bytes of the text, four to a token; of compressed lines from those of the file,
which is too few and never too many.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from gpt2.datasets.amount import parse_tokens, write_tokens
from gpt2.datasets.corpus import Request, Stream
from gpt2.datasets.download import Progress, fetch
from gpt2.datasets.errors import CORRUPT, USAGE, DataError, listed, reading_failed, shown
from gpt2.datasets.files import DOCUMENT_SUFFIXES, FileDocuments, LocalFile, is_parquet
from gpt2.datasets.folders import TEXT_SUFFIXES, Found, has_suffix, left_out_lines, look
from gpt2.datasets.hub import held_out_tokens
from gpt2.datasets.lines import LINE_SUFFIXES, is_json
from gpt2.datasets.marks import HEAD_BYTES
from gpt2.datasets.parquet import BATCH_ROWS, reader_version, text_bytes
from gpt2.datasets.tokenizers import GPT2_MERGES, ByteTokenizer, GPT2Tokenizer, Tokenizer

# What the packages of a data set, on the Hub and off, say of themselves in JSON beside their rows.
_DESCRIPTIONS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
# Of English in UTF-8, by GPT-2's vocabulary, a little more; by bytes, one.
_BYTES_PER_TOKEN = 4


def documents_folder(root: Path, request: Request) -> str:
    """The name of the prepared folder: another text, column, tokenizer or budget has another."""
    key = f"{root}\0{request.custom_tokenizer}\0documents\0{request.custom_text_column}"
    name = f"custom-{hashlib.sha256(os.fsencode(key)).hexdigest()[:8]}"
    tokens = parse_tokens(request.tokens or "0")
    return f"{name}-{write_tokens(tokens)}" if tokens else name


def load_documents(root: Path, request: Request, progress: Progress) -> Stream:
    """The stream of a file or folder that exists. Raises DataError."""
    assert request.custom_text_column is not None
    found = _document_files(root)
    for line in left_out_lines(root, found):
        progress(line)
    paths = [root / name if name else root for name in found.files]
    for line in _read_as(paths):
        progress(line)
    has_parquet = any(map(is_parquet, paths))
    tokens = parse_tokens(request.tokens or "0")
    version = reader_version() if has_parquet else None
    size = sum(_text_bytes(path, request.custom_text_column) for path in paths)
    bytes_per_token = 1 if request.custom_tokenizer == "bytes" else _BYTES_PER_TOKEN
    estimate = max(size // bytes_per_token, 1)
    held_out = held_out_tokens(tokens, estimate)
    source: dict[str, Any] = {"path": str(root), "files": len(paths)}
    source["listing"] = documents_digest(root)
    return Stream(
        train=FileDocuments(
            [LocalFile(path) for path in paths], request.custom_text_column, request.cache
        ),
        validation=None,
        train_tokens=tokens - held_out if tokens else None,
        validation_tokens=held_out,
        tokenizer=_tokenizer(request, progress),
        identity={
            "path": str(root),
            "listing": documents_digest(root, with_times=True),
            "column": request.custom_text_column,
            "reader": [version, BATCH_ROWS],
        },
        source=lambda position: source,
        expected_tokens=min(tokens, estimate) if tokens else estimate,
        cached_bytes=0,
    )


def documents_digest(root: Path, with_times: bool = False) -> str:
    """Of the names and sizes of the files: their contents would take long to read before each run.

    `with_times` finds more: also a change that keeps the size, and also none but a copy that did
    not keep its times. Raises DataError.
    """
    lines = []
    for name in _document_files(root).files:
        path = root / name if name else root
        try:
            facts = path.stat()
        except OSError as error:
            raise reading_failed(error, path) from error
        # As what a file is read decides about its text as its bytes do.
        time = facts.st_mtime_ns if with_times else ""
        lines.append(f"{_kind(path)} {facts.st_size} {time} {name}\n")
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()


def _text_bytes(path: Path, column: str) -> int:
    """About, for the forecast and the size of the validation split."""
    if is_parquet(path):
        return text_bytes(path, column)
    return path.stat().st_size


def _document_files(root: Path) -> Found:
    """Paths relative to `root`; of a single file "". Raises DataError if there are none."""
    if not root.is_dir():
        return Found([""])
    found = look(root, DOCUMENT_SUFFIXES, _DESCRIPTIONS)
    if not found.files:
        found = look(root, TEXT_SUFFIXES)
    if not found.files:
        raise DataError(
            f"CUSTOM_PATH={root} has no documents. These count: {' '.join(DOCUMENT_SUFFIXES)}, "
            f"or where there are none: {' '.join(TEXT_SUFFIXES)}. "
            + ("; ".join(left_out_lines(root, found)) or "It is empty."),
            CORRUPT,
        )
    return found


def _kind(path: Path) -> str:
    """As what a file is read, by its name."""
    if is_parquet(path):
        return "parquet"
    is_lines = has_suffix(path.name, LINE_SUFFIXES)
    return "JSON" if is_lines else "UTF-8 text, a document a file"


def _read_as(paths: list[Path]) -> list[str]:
    """A sentence for each kind of file, and for empty ones. Raises DataError for JSON that no
    suffix calls so: its braces and keys would be the text."""
    sizes: dict[str, list[int]] = {}
    empty = []
    for path in paths:
        if not has_suffix(path.name, DOCUMENT_SUFFIXES) and is_json(_head(path)):
            raise DataError(
                f"{path} begins like JSON and is not named so. Rename it to "
                f"{path.with_suffix('.jsonl').name} to read the texts in it, or leave "
                "CUSTOM_DOCUMENTS out to train on the JSON itself.",
                USAGE,
            )
        size = path.stat().st_size
        sizes.setdefault(_kind(path), []).append(size)
        empty += [] if size else [shown(path.name)]
    lines = [
        f"reading as {kind}: {len(of_kind):,} files, {sum(of_kind):,} bytes"
        for kind, of_kind in sizes.items()
    ]
    return lines + ([f"empty, so nothing of the text: {listed(empty)}"] if empty else [])


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise reading_failed(error, path) from error


def _tokenizer(request: Request, progress: Progress) -> Tokenizer:
    match request.custom_tokenizer:
        case "bytes":
            return ByteTokenizer()
        case "gpt2":
            return GPT2Tokenizer(fetch(GPT2_MERGES, request.cache, request.mirror, progress))
    raise DataError(
        f"CUSTOM_TOKENIZER={request.custom_tokenizer} is not for documents: which characters there "
        "are is known only of a whole text. Set it to gpt2 or bytes.",
        USAGE,
    )
