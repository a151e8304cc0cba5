"""What can be wrong in an exchange: one sentence for people, and an exit code (lib/cli.py)."""

USAGE = 2
CORRUPT = 65
MISSING = 66
IO = 74

# How many characters of a file's own texts a message repeats.
REPEATED = 100


class ExchangeError(ValueError):
    """Weights that cannot come in or go out. The message says what, where, and the remedy."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def printable(text: object) -> str:
    """What a file says, fit for a terminal: no escape codes, no line breaks, not long."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in str(text)[: REPEATED + 1])
    return shown if len(shown) <= REPEATED else f"{shown[:REPEATED]}..."
