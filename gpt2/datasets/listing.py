"""Which files a published corpus has, and how each is recognised: size and SHA-256.

Where these are written down here (`Published.files`), they hold wherever a file comes from. Else
they are those of the mirror, `<mirror>/<dataset>/SHA256SUMS` as `sha256sum` prints it, or those
that the Hugging Face Hub states for the commit, in one question for all files of a folder.
"""

import fnmatch
import json
import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gpt2.datasets.download import Resource, ask, is_folder
from gpt2.datasets.errors import CORRUPT, MISSING, DataError, reading_failed
from lib.cli import ROOT

SUMS_NAME = "SHA256SUMS"
HUB = "https://huggingface.co"
_LARGEST_LISTING_BYTES = 8 << 20


class Remote(NamedTuple):
    """A file of the repository; `size` is None where only the mirror's server knows it."""

    path: str
    size: int | None
    sha256: str


@dataclass(frozen=True)
class Published:
    """A corpus as it lies on the Hub. Numbers are its publishers', not ours."""

    repository: str
    # The commit whose files are meant; a branch would move.
    revision: str
    licence: str
    # Patterns of the files of each split, which count in the order of their names.
    train: str
    validation: str | None
    column: str
    documents: int
    # GPT-2 tokens of the training split, more or less: for the forecast and the bar.
    tokens: int
    download_bytes: int
    # Files of the training split: a whole one is fetched where a budget needs a part of it.
    train_files: int
    # Known sizes and digests at `revision`; empty where they are asked for.
    files: tuple[Remote, ...] = ()
    # Rows are lines of articles, not documents.
    is_articles: bool = False


def list_files(published: Published, dataset: str, revision: str, mirror: str) -> list[Remote]:
    """All files of both splits, sorted by name. Raises DataError."""
    if published.files and revision == published.revision:
        return list(published.files)
    if mirror:
        found = mirror_files(dataset, mirror, "*.parquet")
    else:
        patterns = [published.train, *([published.validation] if published.validation else [])]
        folders = {pattern.rpartition("/")[0] for pattern in patterns}
        found = [
            remote
            for folder in sorted(folders)
            for remote in hub_files(f"datasets/{published.repository}", revision, folder)
        ]
    return sorted(found)


def of_split(files: list[Remote], pattern: str) -> list[Remote]:
    """The files of one split."""
    return [remote for remote in files if fnmatch.fnmatchcase(remote.path, pattern)]


def resource_of(
    remote: Remote, published: Published, dataset: str, revision: str, mirror: str
) -> Resource:
    """A file as the downloader wants it. Raises DataError."""
    size = remote.size
    if size is None:
        size = mirror_size(dataset, mirror, remote.path)
    return Resource(
        url=f"{hub()}/datasets/{published.repository}/resolve/{_segment(revision)}/"
        f"{_quoted(remote.path)}",
        size=size,
        sha256=remote.sha256,
        mirror_path=f"{dataset}/{remote.path}",
        authorization=authorization(),
    )


def hub() -> str:
    """The Hub's address; HF_ENDPOINT names another one, as it does for its own programs."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def authorization() -> str | None:
    """Of the user's login at the Hub, if there is one. No corpus here needs it; with it the Hub
    answers more questions an hour."""
    token = os.environ.get("HF_TOKEN", "")
    if not token:
        home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
        try:
            token = Path(home, "token").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
    token = token.strip()
    # A header is one line of ASCII.
    return f"Bearer {token}" if re.fullmatch(r"[\x21-\x7e]+", token) else None


def mirror_files(dataset: str, mirror: str, pattern: str) -> list[Remote]:
    """The listing that a mirror has of a folder: those files that `pattern` names at least.

    Raises DataError.
    """
    make_sums = f"find . -name '{pattern}' -exec sha256sum {{}} + > {SUMS_NAME}"
    place = f"{mirror.rstrip('/')}/{dataset}/{SUMS_NAME}"
    if is_folder(mirror):
        path = ROOT / mirror / dataset / SUMS_NAME
        try:
            text = path.read_bytes()
        except FileNotFoundError as error:
            raise DataError(
                f"DATA_MIRROR={mirror} has no {dataset}/{SUMS_NAME}. Put the files of the "
                f"repository into {path.parent}, and run there: {make_sums}",
                MISSING,
            ) from error
        except OSError as error:
            raise reading_failed(error, path) from error
    else:
        _, text = ask(place, None, _LARGEST_LISTING_BYTES)
    found = []
    for line in text.decode("utf-8", "replace").splitlines():
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](?:\./)?(\S.*)", line)
        # A name that leaves the folder would be written outside of the cache.
        if match is None or match[2].startswith("/") or ".." in match[2].split("/"):
            raise DataError(
                f"{place} is not what sha256sum prints: it has the line {line[:80]!r}. Make it "
                f"anew: {make_sums}",
                CORRUPT,
            )
        found.append(Remote(match[2], None, match[1]))
    return found


def mirror_size(dataset: str, mirror: str, path: str) -> int:
    """Bytes of a mirror's file. Raises DataError."""
    if is_folder(mirror):
        original = ROOT / mirror / dataset / path
        # A file that is not there is missed, with a sentence, by the one who opens it.
        return original.stat().st_size if original.is_file() else 0
    place = f"{mirror.rstrip('/')}/{dataset}/{_quoted(path)}"
    headers, _ = ask(place, None, 0)
    length = headers.get("Content-Length", "")
    if not length.isdecimal():
        raise DataError(
            f"{place} does not say how long it is. Serve the mirror from a server of plain files.",
            CORRUPT,
        )
    return int(length)


def hub_files(repository: str, revision: str, folder: str) -> list[Remote]:
    """What the Hub states for a folder of a commit: one JSON object for each file.

    repository: with its kind, "datasets/OWNER/NAME" or "models/OWNER/NAME". Raises DataError.
    """
    url = f"{hub()}/api/{repository}/tree/{_segment(revision)}"
    url += f"/{_quoted(folder)}" if folder else ""
    _, answer = ask(url, authorization(), _LARGEST_LISTING_BYTES)
    found = []
    try:
        for entry in json.loads(answer):
            # Large files have their SHA-256 as "oid" of "lfs"; small ones, which we do not
            # read, have none.
            if entry["type"] == "file" and "lfs" in entry:
                large = entry["lfs"]
                found.append(_checked(entry["path"], large["size"], large["oid"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{url} did not answer with a list of files ({type(error).__name__}). Set DATA_MIRROR "
            "to a folder or address with the files.",
            CORRUPT,
        ) from error
    return found


def _checked(path: str, size: int, sha256: str) -> Remote:
    """Of a stranger's answer. Raises ValueError."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or int(size) < 0 or ".." in path.split("/"):
        raise ValueError(path)
    return Remote(path, int(size), sha256)


def _quoted(path: str) -> str:
    return urllib.parse.quote(path)


def _segment(revision: str) -> str:
    """One part of an address, also of a reference such as refs/convert/parquet."""
    return urllib.parse.quote(revision, safe="")
