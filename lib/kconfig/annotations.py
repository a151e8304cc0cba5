"""The lines that we read in help texts: `Type:`, `Axis:`, `Replaces:` and `Results:`.

They stand in the last paragraph of a help text, so that a person in menuconfig reads them too. A
line that looks like one but is misspelt or stands elsewhere is a mistake, never ignored: a lost
`Results: unaffected` would change every hash, a lost `Axis:` every matrix.
"""

import re
from dataclasses import dataclass

from lib.kconfig.string_types import StringType, parse_string_type

_LINE = re.compile(r"\s*(type|axis|replaces|results)\s*:\s*(.*?)\s*", re.IGNORECASE)
# How a help text names the empty string.
EMPTY = "empty"

_NAME_IN_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")
_NAMES = ("Type", "Axis", "Replaces", "Results")
_RESULTS = re.compile(r"unaffected(?: at (-?[0-9]+|[a-z][a-z0-9-]*))?")


@dataclass(frozen=True)
class Annotations:
    """What one help text declares."""

    string_type: StringType | None = None
    axis: str | None = None
    is_relevant: bool = True
    neutral: str | None = None
    """The value at which the option changes nothing: `Results: unaffected at 0`, or `at auto`; of a
    string `at empty`, which is EMPTY here."""
    replaces: str | None = None
    """The symbol whose value of a lower layer no longer counts where this one is switched on or
    off."""


def read_annotations(help_text: str | None) -> tuple[Annotations, list[str]]:
    """The annotations of a help text, and what is wrong with them, one clause each."""
    paragraphs = re.split(r"\n[ \t]*\n", (help_text or "").strip())
    complaints = []
    for line in "\n".join(paragraphs[:-1]).splitlines():
        if _LINE.fullmatch(line):
            complaints.append(f"`{line.strip()}` does not stand in the last paragraph of the help")
    found: dict[str, str] = {}
    for line in paragraphs[-1].splitlines():
        if match := _LINE.fullmatch(line):
            if match[1] in found or match[1] not in _NAMES:
                complaints.append(f"`{line.strip()}` is repeated or misspelt")
            found[match[1].capitalize()] = match[2]
    string_type = parse_string_type(found["Type"]) if "Type" in found else None
    if "Type" in found and string_type is None:
        complaints.append(f"`Type: {found['Type']}` is no type that lib/kconfig knows")
    for name in ("Axis", "Replaces"):
        if name in found and not _NAME_IN_CAPITALS.fullmatch(found[name]):
            complaints.append(f"`{name}: {found[name]}` is no name in capitals")
    results = _RESULTS.fullmatch(found.get("Results", "unaffected"))
    if results is None:
        what = f"`Results: {found['Results']}` should be `Results: unaffected`"
        complaints.append(f"{what}, or `Results: unaffected at` y, n, a number or a value")
    neutral = results[1] if results else None
    is_relevant = "Results" not in found or neutral is not None
    axis, replaces = found.get("Axis"), found.get("Replaces")
    return Annotations(string_type, axis, is_relevant, neutral, replaces), complaints
