"""Whether a text can be the value of a symbol at all, and whether two texts are the same value.

By type, not by range or visibility. Stricter than kconfiglib where that is silent: `yes` is no
bool, `010` and `1_000` are no ints.
"""

import re

from lib.kconfig.scan import has_control_characters
from lib.kconfig.symbols import Symbol

# 18 digits fit into 64 bits; more are a mistake, and slow to parse.
_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}")


def value_complaint(symbol: Symbol, text: str) -> str | None:
    """Why `text` cannot be this symbol's value, as the end of a sentence; None if it can."""
    if symbol.kind == "bool":
        if text in ("y", "n"):
            return None
        return "is m, but there are no modules" if text == "m" else "is neither y nor n"
    if symbol.kind == "int":
        if _INT.fullmatch(text):
            return None
        is_padded = re.fullmatch(r"-?0[0-9]+", text)
        return "has leading zeros" if is_padded else "is no whole decimal number"
    if symbol.kind == "hex":
        return None if _HEX.fullmatch(text) else "is no hexadecimal number such as 0x1f"
    if has_control_characters(text):
        return "holds a control character such as a line break"
    if any("\ud800" <= character <= "\udfff" for character in text):
        # How Python hands on a byte of a name that is not UTF-8; no file of ours can hold it.
        return "is not in UTF-8"
    return symbol.string_type.complaint(text) if symbol.string_type else None


def is_same_value(symbol: Symbol, one: str, other: str) -> bool:
    """Whether two texts are one value of this symbol: "50.0" is 50, and 0x1F is 0x1f."""
    if one == other:
        return True
    is_number = symbol.kind == "hex" or (
        symbol.string_type is not None and symbol.string_type.base == "float"
    )
    if not is_number or value_complaint(symbol, one) or value_complaint(symbol, other):
        return False
    return symbol.typed(one) == symbol.typed(other)
