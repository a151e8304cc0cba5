"""The embedded corpus: a part of the standard library of Python 3.13.0, as bytes.

Real text on every machine, without a download, and the same bytes under every interpreter. The
archive pystdlib.zip beside this file holds whole modules of CPython 3.13.0's Lib/ (without the
tests, idlelib, turtledemo, pydoc_data and ensurepip), in the order of the SHA-256 of their paths,
up to 6.5 MB, and CPython's licence. Enough for one epoch of five million tokens.
"""

import hashlib
import zipfile
from pathlib import Path
from typing import NoReturn

from gpt2.datasets.corpus import Corpus, Forecast, Material, Request
from gpt2.datasets.download import Progress
from gpt2.datasets.errors import CORRUPT, DataError, reading_failed
from gpt2.datasets.manifest import Manifest
from gpt2.datasets.tokenizers import ByteTokenizer

ARCHIVE = Path(__file__).with_name("pystdlib.zip")
# Of the lines "SHA-256  path" of the modules, in their order.
SHA256 = "263e80cd3ca95f6d0cd5a968f15a701186593bd12173309b45b9ffdfbf763592"
LICENSE = "LICENSE.txt"
# About 194,000 tokens: the whole split is evaluated at the end of every run, and ten per cent
# would take a third of a quick run.
VALIDATION_PCT = 3
TRAIN_TOKENS = 6_288_797


class PyStdlib(Corpus):
    """The modules of the archive, in its order."""

    description = "Python 3.13's standard library, 6.5 MB as bytes; no download"

    def forecast(self, request: Request) -> Forecast:
        return Forecast(TRAIN_TOKENS, 0)

    def load(self, request: Request, progress: Progress) -> Material:
        files = modules(ARCHIVE)
        digest = hashlib.sha256()
        for name, data in files:
            digest.update(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode())
        if digest.hexdigest() != SHA256:
            _refuse_archive(f"its modules have the digest {digest.hexdigest()[:12]}")
        source = {"python": "3.13.0", "files": len(files), "sha256": SHA256}
        texts = [data.decode("utf-8") for _, data in files]
        return Material(texts, ByteTokenizer(), source, VALIDATION_PCT)

    def check(self, manifest: Manifest, request: Request, progress: Progress) -> None:
        """Refuse a folder that an earlier version made from the interpreter's own library."""
        if manifest.source.get("sha256") != SHA256:
            folder = request.data_dir / self.folder_name(request)
            raise DataError(
                f"{folder} holds the standard library of Python {manifest.source.get('python')}, "
                "not the text of this version, and a run on one cannot be compared with a run on "
                f"the other. Delete the folder ({folder}) and prepare the data again.",
                CORRUPT,
            )


def modules(archive: Path) -> list[tuple[str, bytes]]:
    """(path, source) of each module in the archive, in its order.

    Raises DataError for an archive that is not there or not whole.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if name != LICENSE]
            return [(name, opened.read(name)) for name in names]
    except OSError as error:
        raise reading_failed(error, archive) from error
    except zipfile.BadZipFile as error:
        _refuse_archive(str(error), error)


def _refuse_archive(reason: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(
        f"{ARCHIVE} is not the archive of this version: {reason}. Bring it back with "
        f"`git checkout -- {ARCHIVE.relative_to(ARCHIVE.parents[2])}`.",
        CORRUPT,
    ) from cause
