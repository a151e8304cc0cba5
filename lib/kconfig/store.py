"""Where a `.config` is, how it begins, and how it is written without ever being half there.

kconfiglib renames `.config` away and writes in place: killed in between, there is none. Here the
old one is copied to `.config.old` and then replaced in one rename.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lib.files import user_path, write_atomic, write_atomic_bytes
from lib.kconfig.scan import GENERATED_HEADER, ORIGIN_PREFIX, Layer, read_layer

if TYPE_CHECKING:
    from lib.kconfig.configuration import Configuration


def config_path(environ: Mapping[str, str]) -> Path:
    """The configuration to work on: $KCONFIG_CONFIG, or `.config` in the working directory."""
    return user_path(environ.get("KCONFIG_CONFIG") or ".config")


def header_lines(origin: str | None) -> list[str]:
    """The first lines of a generated `.config`, without their comment signs."""
    from_line = [ORIGIN_PREFIX.removeprefix("# ") + origin] if origin else []
    return [GENERATED_HEADER, *from_line]


def read_config(path: Path) -> Layer:
    """The layer of a `.config`, whatever its name. Raises NoConfig if there is none."""
    return read_layer(path, str(path), kind="state")


def save_config(path: Path, configuration: "Configuration", origin: str | None) -> bool:
    """Write a configuration as `.config`; True if that changed the file."""
    return save_text(path, configuration.file_text(header_lines(origin)))


def save_text(path: Path, text: str) -> bool:
    """Replace a `.config` and keep the one before as `.config.old`; True if it changed.

    An unchanged file keeps its time stamp, and what `.config.old` holds. A symbolic link stays
    one; its target is replaced.
    """
    if path.is_file():
        before = path.read_bytes()
        if before == text.encode("utf-8"):
            return False
        write_atomic_bytes(path.with_name(f"{path.name}.old"), before)
    write_atomic(path, text)
    return True
