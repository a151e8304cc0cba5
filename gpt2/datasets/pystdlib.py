"""The embedded corpus: Python sources of the interpreter's own standard library, as bytes.

Real text on every machine, without a download and with nothing to redistribute. It is the same
for one Python version and differs between versions, so a result names the data's hash.
"""

import hashlib
import platform
import sysconfig
from pathlib import Path

from gpt2.datasets.corpus import Corpus, Material, Request
from gpt2.datasets.download import Progress
from gpt2.datasets.errors import MISSING, DataError, reading_failed
from gpt2.datasets.manifest import Manifest
from gpt2.datasets.tokenizers import ByteTokenizer

# Enough that a model of a million parameters does not learn it by heart in a quick run (the
# library's top level has about 4.5 MiB), and read, tokenised and hashed in a tenth of a second.
MAX_BYTES = 2 * 1024 * 1024


class PyStdlib(Corpus):
    """Top-level modules, in an order mixed by name, up to MAX_BYTES of whole files."""

    description = "Python's own standard library, about 2 MiB as bytes; no download"

    def load(self, request: Request, progress: Progress) -> Material:
        folder = Path(sysconfig.get_paths()["stdlib"])
        files = select(folder)
        if not files:
            raise DataError(
                f"{folder} has no Python sources (an installation of compiled files only). Use an "
                "ordinary Python, or another DATASET.",
                MISSING,
            )
        digest = hashlib.sha256()
        for name, text in files:
            digest.update(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n".encode())
        source = {"python": platform.python_version(), "files": len(files)}
        source["sha256"] = digest.hexdigest()
        return Material([text for _, text in files], ByteTokenizer(), source)

    def check(self, manifest: Manifest, request: Request, progress: Progress) -> None:
        # Only a remark: what was prepared stays, so that runs before and after an upgrade of
        # Python, or under two Pythons, see the same data.
        made_by = manifest.source.get("python")
        if made_by != platform.python_version():
            progress(
                f"the text is that of Python {made_by}, this is Python "
                f"{platform.python_version()}; it is kept so that runs stay comparable"
            )


def select(folder: Path, max_bytes: int = MAX_BYTES) -> list[tuple[str, str]]:
    """(file name, text) of the modules that make the corpus, in its order.

    The order is that of the SHA-256 of the names, so neither split is the end of an alphabet.
    The selection ends before the first file that would pass `max_bytes`, so a changed file moves
    only what comes after it. Files that are not UTF-8 are left out.
    """
    paths = [path for path in folder.glob("*.py") if path.is_file()]
    paths.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
    files: list[tuple[str, str]] = []
    size = 0
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise reading_failed(error, path) from error
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        size += len(data)
        if size > max_bytes:
            break
        files.append((path.name, text))
    return files
