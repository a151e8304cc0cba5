"""What can be wrong with a checkpoint: each a sentence for people and an exit code (lib/cli.py)."""

from collections.abc import Sequence
from pathlib import Path

from lib.cli import INPUT_OUTPUT
from lib.console import size

DATA_CORRUPT = 65
DATA_MISSING = 66

# How many names of a hostile pickle, and how many characters of its texts, a message repeats.
NAMED = 8
REPEATED = 200


def printable(text: str) -> str:
    """What a file says of itself, fit for a terminal: no escape codes, no line breaks, not long."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:REPEATED])


class CheckpointError(ValueError):
    """Something is wrong with a checkpoint."""

    exit_status = DATA_CORRUPT


class Damaged(CheckpointError):
    """The file is not the whole checkpoint that somebody wrote under this name."""

    def __init__(self, path: Path, what: str) -> None:
        """what: a clause about "it", such as "it is empty"."""
        super().__init__(f"{path} is damaged: {what}")
        self.what = what


class Untrusted(CheckpointError):
    """The file is whole, and holds code where a checkpoint holds plain data."""

    def __init__(self, path: Path, calls: Sequence[str]) -> None:
        """calls: the functions and classes that its pickle names; empty if they cannot be told."""
        named = ", ".join(printable(call) for call in calls[:NAMED])
        others = f" and {len(calls) - NAMED} others" if len(calls) > NAMED else ""
        wanted = f"would call {named}{others}" if calls else "wants more than plain data"
        self.what = f"it is untrusted: its pickle {wanted}, and nothing of it was executed"
        super().__init__(f"{path} is refused: {self.what}")


class Newer(CheckpointError):
    """The file is of a later version of this project: not damaged, so nothing is done to it."""

    def __init__(self, path: Path, schema: int, known: int) -> None:
        super().__init__(
            f"{path} was written by a newer version of this project (schema {schema}, known is "
            f"{known}). Continue with that version, or begin again from step 0 with --restart."
        )


class NoneWhole(CheckpointError):
    """There were checkpoints and none can be used: beginning anew is for a person to decide."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        super().__init__(
            f"no checkpoint in {folder} can be used: {'; '.join(problems)}. They are kept as "
            "*.bad. Put a good copy of one back under its name, or begin again from step 0 with "
            "--restart."
        )


class Missing(CheckpointError):
    """The checkpoint that was asked for is not there."""

    exit_status = DATA_MISSING


class NotWritten(CheckpointError):
    """A checkpoint could not be written; those written before are untouched."""

    exit_status = INPUT_OUTPUT

    def __init__(self, path: Path, why: str, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"{path} could not be written: {why}. It needs {size(needed_bytes)}, and "
            f"{size(free_bytes)} are free there. Free some space or mend the disk, and give the "
            "command again: what was saved before is untouched."
        )
