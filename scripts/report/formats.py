"""Numbers as people read them, in ASCII; a value that is not there is a dash, never 0."""

import re
from collections.abc import Iterable

MISSING = "-"

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
MINUTE_S, HOUR_S = 60, 3600

# What ASCII text cannot say well; pages and figures can. A hyphen before a digit is a minus.
PLUS_MINUS = "\u00b1"
MINUS = "\u2212"
DASH = "\u2013"
THIN_SPACE = "\u2009"


def significant(value: float) -> str:
    """Four digits or so, without an exponent: 3.414, 41.23, 512.7, 12,345."""
    decimals = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{decimals}f}"


def loss(value: float) -> str:
    """Nats; runs differ in the third decimal."""
    return f"{value:.4f}"


def difference(value: float) -> str:
    return f"{value:+.4f}"


def share(value: float) -> str:
    return f"{100 * value:.1f} %"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def one_decimal(value: float) -> str:
    return f"{value:,.1f}"


def mebibytes(value: float) -> str:
    """Bytes in MiB, the one unit of all memory in a table, so that its columns compare."""
    return significant(value / MIB)


def megaflop(value: float) -> str:
    """FLOPs in millions, the one unit of a table."""
    return significant(value / 1e6)


def second_unit(values: Iterable[float]) -> tuple[int, str]:
    """The unit (seconds, name) in which the longest of these times reads best."""
    longest = max(values, default=0)
    if longest >= 3 * HOUR_S:
        return HOUR_S, "h"
    return (MINUTE_S, "min") if longest >= 10 * MINUTE_S else (1, "s")


def size(value: float) -> str:
    """Bytes with a unit of their own: "85.30 MiB"."""
    unit, name = (GIB, "GiB") if value >= GIB else (MIB, "MiB") if value >= MIB else (KIB, "KiB")
    return f"{significant(value / unit)} {name}"


def duration(value: float) -> str:
    """Seconds with a unit of its own: "12.3 s"."""
    unit, name = second_unit([value])
    return f"{value / unit:,.1f} {name}"


def count(number: int, noun: str) -> str:
    """ "1 run", "2 runs", "no runs"."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def listing(words: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *head, last = list(words) or [""]
    return f"{', '.join(head)} and {last}" if head else last


def typographic(text: str) -> str:
    """A formatted number with a true minus, plus-minus and dash."""
    if text == MISSING:
        return DASH
    text = text.replace("+-", PLUS_MINUS).replace(" to ", THIN_SPACE + DASH + THIN_SPACE)
    return re.sub(r"-(?=\d)", MINUS, text)


def prose(text: str) -> str:
    """A sentence with true minus and plus-minus signs; hyphens in names stay."""
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, text.replace("+-", PLUS_MINUS))
