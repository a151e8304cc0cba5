"""What a run says: every line to train.log, and to the terminal.

A progress line replaces itself on a terminal that shows one run; elsewhere (a pipe, several runs
at the same time) each goes on a line of its own. No escape codes reach a file.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TextIO

from lib.output import unfailing

ERASE_LINE = "\r\x1b[2K"


class Console:
    """Writes to a log file and to the terminal, each line prefixed by what the run is."""

    def __init__(self, log_path: Path, prefix: str, terminal: TextIO | None = None) -> None:
        """Open the log before anything can fail. `prefix` appears on the terminal only.

        terminal: stdout where it is None. Whatever becomes of it, the run goes on: the log has all.
        """
        # A message may hold what is no text: the name of a file that is not in UTF-8.
        self._log = open(  # noqa: SIM115
            log_path, "a", encoding="utf-8", errors="backslashreplace", buffering=1
        )
        self._terminal = unfailing(terminal or sys.stdout)
        self._prefix = f"{prefix}: " if prefix else ""
        self._is_alone = _runs_alone()
        self._is_live = (
            self._terminal.isatty() and os.environ.get("TERM") != "dumb" and self._is_alone
        )
        self._has_progress = False

    def line(self, text: str) -> None:
        """A line that stays."""
        self._log.write(text + "\n")
        self._clear()
        self._say(self._prefix + text + "\n")

    def block(self, lines: Sequence[str], brief: Sequence[str]) -> None:
        """Lines that stay and belong together: all of them in the log, and where one run was
        started by hand; where Make runs one after another, only the brief ones, with the prefix."""
        for text in lines:
            self._log.write(text + "\n")
        self._clear()
        shown = lines if _is_by_hand() else [self._prefix + text for text in brief]
        self._say("".join(text + "\n" for text in shown))

    def progress(self, text: str) -> None:
        """A line that the next one replaces, where the terminal can do that."""
        self._log.write(text + "\n")
        if not self._is_live:
            self._say(self._prefix + text + "\n")
            return
        try:
            columns = os.get_terminal_size(self._terminal.fileno()).columns
        except OSError:
            # The terminal went away.
            self._is_live = False
            self._say(self._prefix + text + "\n")
            return
        # Cut, because a wrapped line cannot be erased.
        self._say(ERASE_LINE + (self._prefix + text)[: columns - 1])
        self._has_progress = True

    def log(self, text: str) -> None:
        """Only for the file: a traceback, say."""
        self._log.write(text + "\n")

    def _clear(self) -> None:
        if self._has_progress:
            self._say(ERASE_LINE)
            self._has_progress = False

    def _say(self, text: str) -> None:
        self._terminal.write(text)
        self._terminal.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._clear()
        self._log.close()


def folded(text: str) -> str:
    """The text as a terminal shows it best: sentences go on below, indented, where they are wider
    than it. For a file or a pipe, and of tables, every line stays whole."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns - 1
    lines = []
    for line in text.split("\n"):
        is_row = "  " in line.strip()
        lines += [line] if is_row or len(line) <= width else wrapped(line, width)
    return "\n".join(lines)


def wrapped(line: str, width: int, indent: str = "") -> list[str]:
    """No word is cut, since a word may be the path or the name to copy."""
    more = indent + "  "
    return textwrap.wrap(
        line,
        max(width, len(more) + 1),
        initial_indent=indent,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _runs_alone() -> bool:
    """False under `make -j`, where several runs would erase each other's lines."""
    return "--jobserver" not in os.environ.get("MAKEFLAGS", "")


def _is_by_hand() -> bool:
    """False below Make, which sets this variable."""
    return "MAKELEVEL" not in os.environ


def duration(seconds: float) -> str:
    """Seconds for people: "0:07", "12:34", "3:02:01"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def size(number: float) -> str:
    """Bytes for people, three digits: 950 B, 17.3 MiB, 1.85 GiB."""
    for limit, unit in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= limit * 0.9995:
            value = number / limit
            # Below 1024 of a unit there may be four digits before the point.
            return f"{value:.0f} {unit}" if value >= 999.5 else f"{value:.3g} {unit}"
    return f"{number:.0f} B"


def work(flops: float) -> str:
    """FLOPs for people, four digits: "0.8554 GFLOP", "226.6 kFLOP", "989.0 TFLOP"."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # A tenth is small enough: GPT-2 124M has always been 0.855 GFLOP.
        if flops >= limit / 10:
            return f"{flops / limit:#.4g}".rstrip(".") + f" {unit}FLOP"
    return f"{flops:.0f} FLOP"


def count(number: float) -> str:
    """A count for people, three digits: 950, 17.3k, 124M."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit * 0.9995:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.3g}"
