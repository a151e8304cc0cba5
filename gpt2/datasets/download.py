"""Fetching one pinned file: from the cache, from a mirror, or from its source, in that order.

A file counts only with the size and SHA-256 that its Resource pins, wherever it came from. It
arrives under the temporary name `<name>.part` beside its place and is renamed when it is right; a
broken transfer leaves that part, and the next attempt asks the server for the rest. Nothing is
tried twice: a user who is told at once can act at once.
"""

import http.client
import os
import queue
import re
import shutil
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO as Stream

from gpt2.datasets.errors import (
    CORRUPT,
    IO,
    MISSING,
    USAGE,
    DataError,
    free_bytes,
    reading_failed,
    writing_failed,
)
from lib.cli import ROOT
from lib.files import fsync_path, sha256_file

Progress = Callable[[str], None]

# From the call to the first bytes of an answer: name lookup, connection, TLS and request together.
# A blackholed network would otherwise hold each of several addresses for its own timeout.
OPEN_TIMEOUT_S = 4.5
# Silence in the middle of a transfer.
READ_TIMEOUT_S = 15.0
BLOCK_BYTES = 1 << 16
PROGRESS_EVERY_S = 5.0

_FETCH_ERRORS = (OSError, http.client.HTTPException, ValueError)


@dataclass(frozen=True)
class Resource:
    """A file that never changes: where it is, and how it is recognised."""

    url: str
    size: int
    sha256: str
    mirror_path: str
    # Sent to `url` alone: not to a mirror, nor to where the server redirects.
    authorization: str | None = None

    @property
    def name(self) -> str:
        return self.mirror_path.rsplit("/", 1)[-1]


def fetch(resource: Resource, cache: Path, mirror: str, progress: Progress) -> Path:
    """The local path of a resource, below `cache`; downloaded or copied there if need be.

    `mirror` is "", a folder, or a base URL, laid out as `mirror_path` says.
    A relative folder starts at the root of the repository. Raises DataError: 65
    for a wrong file, 66 for one that cannot be had, 74 where `cache` cannot be written.
    """
    target = cache / resource.mirror_path
    try:
        if target.is_file():
            if _is_right(target, resource):
                return target
            progress(f"{target} is damaged; fetching it again")
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, target, resource.size) from error
    part = target.with_name(target.name + ".part")
    if is_folder(mirror):
        _copy(resource, ROOT / mirror, part, progress)
    else:
        url = f"{mirror.rstrip('/')}/{resource.mirror_path}" if mirror else resource.url
        _download(resource, url, part, progress)
    try:
        os.replace(part, target)
        fsync_path(target.parent)
    except OSError as error:
        raise writing_failed(error, target, resource.size) from error
    return target


def in_folder(resource: Resource, mirror: Path) -> Path:
    """The file of a mirror that is a folder, checked where it lies. Raises DataError."""
    original = mirror / resource.mirror_path
    if not original.is_file():
        what = f"has no file {resource.mirror_path}" if mirror.is_dir() else "is not a folder"
        raise DataError(
            f"DATA_MIRROR={mirror} {what}. Put the file of {resource.url} there, or leave "
            "DATA_MIRROR empty to download it.",
            MISSING,
        )
    try:
        is_right = _is_right(original, resource)
    except OSError as error:
        raise reading_failed(error, original) from error
    if not is_right:
        raise _wrong(resource, str(original), original.stat().st_size)
    return original


def is_folder(mirror: str) -> bool:
    """Whether a mirror that is set is a folder, and not an address."""
    return bool(mirror) and "://" not in mirror


def ask(url: str, authorization: str | None, limit_bytes: int) -> tuple[Mapping[str, str], bytes]:
    """The headers and the body of a small answer, at most so many bytes of it. Raises DataError."""
    _check_address(url, "")
    response = _open(url, {}, authorization, None)
    with response:
        try:
            return response.headers, response.read(limit_bytes)
        except _FETCH_ERRORS as error:
            raise _unreachable(url, _reason(error)) from error


def _is_right(path: Path, resource: Resource) -> bool:
    return path.stat().st_size == resource.size and sha256_file(path) == resource.sha256


def _copy(resource: Resource, mirror: Path, part: Path, progress: Progress) -> None:
    """Copy from a folder to `part`; leaves nothing behind if the original is not right."""
    original = in_folder(resource, mirror)
    progress(f"copying {original}")
    try:
        _make_room(part, resource.size)
        with open(original, "rb") as source, open(part, "wb") as file:
            shutil.copyfileobj(source, file)
            _sync(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise writing_failed(error, part, resource.size) from error


def _download(resource: Resource, url: str, part: Path, progress: Progress) -> None:
    """Bring `part` to its full, checked length; keeps it where a later attempt can go on."""
    _check_address(url, resource.mirror_path)
    try:
        have = part.stat().st_size if part.is_file() else 0
        if have > resource.size:
            part.unlink()
            have = 0
        if have < resource.size:
            _make_room(part, resource.size - have)
            _transfer(resource, url, part, have, progress)
        digest = sha256_file(part)
        if digest != resource.sha256:
            part.unlink()
            raise _wrong(resource, url, resource.size)
    except OSError as error:
        # Only our own files are touched here; what the network says is handled where it is said.
        raise writing_failed(error, part, resource.size) from error


def _transfer(resource: Resource, url: str, part: Path, have: int, progress: Progress) -> None:
    """Append bytes from `have` on to `part`."""
    authorization = resource.authorization if url == resource.url else None
    headers = {"Range": f"bytes={have}-"} if have else {}
    response = _open(url, headers, authorization, part)
    with response:
        if response.status == 206:
            progress(f"resuming {url} at byte {have:,} of {resource.size:,}")
            _check_range(resource, url, response.headers.get("Content-Range", ""), have, part)
        else:
            # A server without ranges sends the whole file again.
            have = 0
            progress(f"downloading {url} ({resource.size:,} bytes)")
        length = response.headers.get("Content-Length")
        if length is not None and length != str(resource.size - have):
            part.unlink(missing_ok=True)
            raise _wrong(resource, url, f"{have} + {length}" if have else length)
        with open(part, "ab" if have else "wb") as file:
            told = time.monotonic()
            while block := _read(response, url, part, file, resource):
                file.write(block)
                have += len(block)
                if have > resource.size:
                    break
                if time.monotonic() - told > PROGRESS_EVERY_S:
                    told = time.monotonic()
                    progress(f"{have:,} of {resource.size:,} bytes")
            _sync(file)
    if have > resource.size:
        part.unlink()
        raise _wrong(resource, url, f"more than {resource.size}")
    if have < resource.size:
        raise _broken(url, part, have, resource, "the connection was closed")


def _open(
    url: str, headers: Mapping[str, str], authorization: str | None, part: Path | None
) -> http.client.HTTPResponse:
    """The answer to a request, within OPEN_TIMEOUT_S; `part`: what we have of the file, if any.

    In a thread, because neither a name lookup nor a walk over several addresses has a timeout of
    its own. It is a daemon: a lookup that hangs does not keep the process alive.
    """
    answers: queue.Queue[http.client.HTTPResponse | Exception] = queue.Queue()

    def request() -> None:
        try:
            common = {"User-Agent": "bitterbench", "Accept-Encoding": "identity"}
            question = urllib.request.Request(url, headers=common | dict(headers))
            if authorization is not None:
                # A redirection leads to another host, which has no business with it.
                question.add_unredirected_header("Authorization", authorization)
            response = _opener().open(question, timeout=READ_TIMEOUT_S)
        except _FETCH_ERRORS as error:
            answers.put(error)
            return
        answers.put(response)

    threading.Thread(target=request, daemon=True, name="download").start()
    try:
        answer = answers.get(timeout=OPEN_TIMEOUT_S)
    except queue.Empty:
        raise _unreachable(url, f"no answer within {OPEN_TIMEOUT_S:g} s") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
    if isinstance(answer, urllib.error.HTTPError) and answer.code == 416 and part is not None:
        # Our part reaches past the end of what the server has, so that is not the pinned file.
        have = part.stat().st_size
        part.unlink(missing_ok=True)
        raise DataError(
            f"{url} is shorter than the {have:,} bytes we had; {part} was removed. Try again, or "
            "set DATA_MIRROR to a folder or address with the right file.",
            CORRUPT,
        )
    if isinstance(answer, Exception):
        raise _unreachable(url, _reason(answer)) from answer
    return answer


def _check_address(url: str, mirror_path: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise DataError(
            f"DATA_MIRROR={url.removesuffix(mirror_path)} is neither a folder nor an "
            "http or https address. Set DATA_MIRROR to one of these, or leave it empty.",
            USAGE,
        )


def _opener() -> urllib.request.OpenerDirector:
    """An opener that can follow a redirection to nothing but http and https."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _check_range(resource: Resource, url: str, answer: str, have: int, part: Path) -> None:
    """A server that resumes elsewhere, or in another file, would spoil what we have."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer)
    total = match[3] if match else None
    if match is None or int(match[1]) != have or total not in (str(resource.size), "*"):
        part.unlink(missing_ok=True)
        raise DataError(
            f"{url} answered a request for byte {have} of {resource.size} with "
            f"'{answer or 'no range'}'; {part} was removed. Try again to start anew, or set "
            "DATA_MIRROR.",
            CORRUPT,
        )


def _read(
    response: http.client.HTTPResponse, url: str, part: Path, file: Stream[bytes], want: Resource
) -> bytes:
    try:
        return response.read(BLOCK_BYTES)
    except _FETCH_ERRORS as error:
        _sync(file)
        raise _broken(url, part, file.tell(), want, _reason(error)) from error


def _make_room(part: Path, needed_bytes: int) -> None:
    """Refuse before the first byte what the disk cannot hold."""
    free = free_bytes(part)
    if free < needed_bytes:
        raise DataError(
            f"No space left to write {part}: {needed_bytes:,} bytes needed, {free:,} free. Free "
            "some space, or set DATA_DIR to a larger disk.",
            IO,
        )


def _sync(file: Stream[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _reason(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"silence for {READ_TIMEOUT_S:g} s"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _unreachable(url: str, reason: str) -> DataError:
    return DataError(
        f"Cannot fetch {url}: {reason}. Without a network, set DATA_MIRROR to a folder (or "
        "address) that has the file.",
        MISSING,
    )


def _broken(url: str, part: Path, have: int, resource: Resource, reason: str) -> DataError:
    return DataError(
        f"The transfer of {url} broke off after {have:,} of {resource.size:,} bytes ({reason}); "
        f"they are kept in {part}. Give the command again to fetch the rest.",
        MISSING,
    )


def _wrong(resource: Resource, place: str, size: int | str) -> DataError:
    if str(size) == str(resource.size):
        what = f"has the right length but not the SHA-256 {resource.sha256}"
    else:
        what = f"has {size} bytes, not {resource.size}"
    return DataError(
        f"{place} {what}; it was not used. Set DATA_MIRROR to a folder or address with the right "
        "file, or leave it empty for the original.",
        CORRUPT,
    )
