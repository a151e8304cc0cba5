"""What of a configuration somebody asked for: what `savedefconfig` writes, and a `.config` records.

A whole `.config` has a line for everything, and a line that stands at its default is nobody's
wish: when a later layer changes what the default depends on, the default moves. Which lines those
are can be computed as long as nobody edits the file. Once one line is edited by hand, the lines
beside it are still at the defaults of before, which are no defaults any more. So a `.config` that
we write begins with what was asked for, and with a digest of its lines:

    # asked for: ARCH_PRESET_CUSTOM y
    # as written: 3f2a90c41b7d6e58

Not in the form of a line, so that a search-and-replace over the file leaves it alone. stored.py
reads both again.
"""

from typing import TYPE_CHECKING

from lib.kconfig import backend
from lib.kconfig.scan import ASKED_PREFIX, WRITTEN_PREFIX, digest_of_lines

if TYPE_CHECKING:
    import kconfiglib


def minimal_text(raw: "kconfiglib.Kconfig") -> str:
    """What `savedefconfig` writes: only what differs from the defaults, in menu order."""
    return "".join(symbol.config_string for symbol in _asked_for(raw))


def asked_names(raw: "kconfiglib.Kconfig") -> set[str]:
    """The symbols that `savedefconfig` writes, as things stand."""
    return {symbol.name for symbol in _asked_for(raw)}


def record_lines(raw: "kconfiglib.Kconfig", body: str) -> list[str]:
    """The comments about a `.config` with this body, for its top; without their comment signs."""
    asked = []
    for symbol in _asked_for(raw):
        line = symbol.config_string.rstrip("\n")
        value = line.partition("=")[2] if line.startswith("CONFIG_") else "n"
        asked.append(f"{ASKED_PREFIX}{symbol.name} {value}")
    digest = WRITTEN_PREFIX + digest_of_lines(body.split("\n"))
    return [line.removeprefix("# ") for line in (*asked, digest)]


def _asked_for(raw: "kconfiglib.Kconfig") -> list["kconfiglib.Symbol"]:
    return [symbol for symbol in raw.unique_defined_syms if backend.is_asked_for(symbol)]
