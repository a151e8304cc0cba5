"""What the strings of the tree may hold: the `Type:` lines of help texts.

Kconfig knows no floats, names or paths; it has strings, and accepts anything in them. Every
string with a prompt declares one of

    Type: float in (0, 10]       interval; ( ) open, [ ] closed end, `inf` at an open end
    Type: name                   [A-Za-z0-9][A-Za-z0-9._+-]*        (or `name or empty`)
    Type: line                   one line of any characters                 (or `line or empty`)
    Type: path                   the same without a backtick or blanks at its ends  (or empty);
                                 `~` and `~name` at its beginning are home folders
    Type: integers in [1, 64]    one or more whole numbers, `1,8,32`, each once; closed ends
    Type: sweep                  empty, or `SYMBOL=v1,v2,...;SYMBOL2=...`
    Type: variations             empty, or `SYMBOL=v SYMBOL2=v;SYMBOL=w`
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from lib.files import expand_home

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")

_INTERVAL = re.compile(r"float in ([(\[])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([)\]])")
_INTEGERS = re.compile(r"integers in \[([0-9]+), ([0-9]+)\]")
_WHOLE = re.compile(r"0|[1-9][0-9]*")
# Categories of Unicode: control characters, halves of pairs, and what ends a line or a paragraph.
_NOT_IN_LINE = {"Cc", "Cs", "Zl", "Zp"}
_NOT_IN_PATH = re.compile(r"[\x00-\x1f\x7f`]")


@dataclass(frozen=True)
class StringType:
    """A declared type; `declaration` is the text after `Type:`."""

    declaration: str
    base: Literal["float", "name", "line", "path", "sweep", "variations", "integers"]
    may_be_empty: bool = False
    low: float = -math.inf
    high: float = math.inf
    has_low: bool = False
    has_high: bool = False

    def complaint(self, text: str) -> str | None:
        """Why `text` is not of this type, as the end of a sentence; None if it is.

        The symbols and values that a sweep names are checked by sweep.py, which knows the tree.
        """
        if not text:
            may = self.may_be_empty or self.base in ("sweep", "variations")
            return None if may else f"is empty, but wants a {self.declaration}"
        if self.base == "float":
            return self._float_complaint(text)
        if self.base == "integers":
            return self._integers_complaint(text)
        if self.base == "name" and not NAME.fullmatch(text):
            return "is no name (letters, digits and . _ + -, beginning with a letter or digit)"
        if self.base == "line" and not _NOT_IN_LINE.isdisjoint(map(unicodedata.category, text)):
            return "is not one line of text (no control characters)"
        if self.base == "path" and (_NOT_IN_PATH.search(text) or text != text.strip()):
            return "is no path (one line, no backticks, no spaces at its ends)"
        if self.base == "path":
            try:
                expand_home(text)
            except ValueError:
                return "names no home folder of this machine (./~name is a folder of that name)"
        return None

    def value(self, text: str) -> str | float:
        """The Python value of a legal text; -0.0 becomes 0.0, so that equal numbers hash alike."""
        if self.base == "float":
            return float(text) + 0.0
        return expand_home(text) if self.base == "path" else text

    def _float_complaint(self, text: str) -> str | None:
        if not NUMBER.fullmatch(text):
            return f"is no number, but wants a {self.declaration}"
        # Infinity (1e999) falls through the ends: an infinite one is open.
        number = float(text)
        above = number >= self.low if self.has_low else number > self.low
        below = number <= self.high if self.has_high else number < self.high
        return None if above and below else f"is out of range, it wants a {self.declaration}"

    def _integers_complaint(self, text: str) -> str | None:
        parts = text.split(",")
        if not all(_WHOLE.fullmatch(part) for part in parts):
            return f"is no list like 1,8,32, but wants {self.declaration}"
        if not all(self.low <= int(part) <= self.high for part in parts):
            return f"is out of range, it wants {self.declaration}"
        return "names a number twice" if len(set(parts)) < len(parts) else None


def parse_string_type(declaration: str) -> StringType | None:
    """The type that a `Type:` line declares, or None if it is malformed."""
    for base in ("name", "line", "path"):
        if declaration in (base, f"{base} or empty"):
            return StringType(declaration, base, may_be_empty=declaration != base)
    if declaration == "sweep":
        return StringType(declaration, "sweep")
    if declaration == "variations":
        return StringType(declaration, "variations")
    if match := _INTEGERS.fullmatch(declaration):
        first, last = int(match[1]), int(match[2])
        return StringType(declaration, "integers", False, first, last) if first < last else None
    match = _INTERVAL.fullmatch(declaration)
    if match is None:
        return None
    opening, low_text, high_text, closing = match.groups()
    low, high = _bound(low_text), _bound(high_text)
    has_low, has_high = opening == "[", closing == "]"
    # An infinite end must be open, and some number must fit in between.
    if low is None or high is None or (has_low and low == -math.inf):
        return None
    if (has_high and high == math.inf) or not (
        low < high or (low == high and has_low and has_high)
    ):
        return None
    return StringType(declaration, "float", False, low, high, has_low, has_high)


def _bound(text: str) -> float | None:
    if text in ("inf", "+inf", "-inf"):
        return float(text)
    return float(text) if NUMBER.fullmatch(text) else None
