"""What the first bytes of a file say that it is, whatever its name says.

A byte-order mark is no text: that of UTF-8 is left out. What begins like UTF-16, like an archive
or like another format is refused by name, with the program that makes text of it.
"""

from pathlib import Path
from typing import NamedTuple

from gpt2.datasets.errors import CORRUPT, DataError

UTF8_MARK = b"\xef\xbb\xbf"
# The same as a character, where bytes have become text.
MARK = "\ufeff"
# As many first bytes as are looked at.
HEAD_BYTES = 1 << 16


class _Format(NamedTuple):
    begins: bytes
    name: str
    remedy: str


# The longer mark first: that of UTF-16 begins that of UTF-32.
_FORMATS = (
    _Format(b"\xff\xfe\0\0", "UTF-32", "`iconv -f UTF-32 -t UTF-8`"),
    _Format(b"\0\0\xfe\xff", "UTF-32", "`iconv -f UTF-32 -t UTF-8`"),
    _Format(b"\xff\xfe", "UTF-16", "`iconv -f UTF-16 -t UTF-8`"),
    _Format(b"\xfe\xff", "UTF-16", "`iconv -f UTF-16 -t UTF-8`"),
    _Format(b"\x1f\x8b", "a gzip archive", "`gunzip`"),
    _Format(b"\x28\xb5\x2f\xfd", "a zstd archive", "`unzstd`"),
    _Format(b"BZh", "a bzip2 archive", "`bunzip2`"),
    _Format(b"\xfd7zXZ\0", "an xz archive", "`unxz`"),
    _Format(b"PK\x03\x04", "a zip archive", "`unzip`"),
    _Format(b"%PDF-", "a PDF", "`pdftotext`"),
    _Format(b"PAR1", "parquet", "the suffix .parquet and CUSTOM_DOCUMENTS=y"),
)


def check_head(path: Path, head: bytes) -> None:
    """Raise DataError for a file that begins as UTF-8 text does not. `head`: its first bytes."""
    for form in _FORMATS:
        if head.startswith(form.begins):
            raise DataError(
                f"{path} is not UTF-8 text: it begins like {form.name}. Convert it "
                f"({form.remedy}) or move it away.",
                CORRUPT,
            )


def decoded(path: Path, data: bytes, start: int = 0) -> str:
    """The text of bytes that begin at byte `start` of a file; a mark at its beginning is left out.

    Raises DataError for what is not UTF-8 text.
    """
    if start == 0:
        check_head(path, data)
    zero = data.find(b"\0")
    if zero >= 0:
        raise not_text(path, f"a zero byte at {start + zero}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"the byte {data[error.start]:#04x} at {start + error.start}"
        raise not_text(path, what) from error
    return text.removeprefix(MARK) if start == 0 else text


def not_text(path: Path, what: str) -> DataError:
    """The sentence for a file that is not what it should be."""
    return DataError(
        f"{path} is not UTF-8 text: it has {what}. Convert it (of Latin-1: `iconv -f LATIN1 -t "
        "UTF-8`) or move it away.",
        CORRUPT,
    )
