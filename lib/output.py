"""Text for people: what cannot be shown fails nothing.

A character that the terminal has not got is escaped, and a stream that was closed before the start
takes everything. What goes to stderr may be lost, and so may what a command says beside its work
(`outlive_reader`): nobody reads it any more (`make | head`), or the disk of its file is full.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class Output:
    """A text stream around another, for any encoding.

    Once it cannot be written, nothing of it goes anywhere, also of what children write to it, and
    of what it holds back, which Python would try once more at its exit.
    """

    def __init__(self, stream: TextIO, must_arrive: bool) -> None:
        """must_arrive: whether writing raises then. It raises once."""
        self._stream = stream
        self.must_arrive = must_arrive
        self.failure: OSError | None = None
        """Why it cannot be written."""

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or error
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if self.must_arrive:
            raise error


def unfailing(stream: TextIO) -> TextIO:
    """A stream that takes whatever is written, shown or not."""
    if isinstance(stream, Output):
        stream.must_arrive = False
        return stream
    return Output(stream, must_arrive=False)  # type: ignore[return-value]


def outlive_reader() -> None:
    """For a command that writes files: whatever happens to stdout, its work goes on."""
    sys.stdout = unfailing(sys.stdout)


@contextmanager
def standard_streams() -> Iterator[Output]:
    """stdout (which it yields) and stderr for a command; as before after the block."""
    # What is closed here would be given to the next file, and a message would end in that.
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    before = sys.stdout, sys.stderr
    output = Output(sys.stdout, must_arrive=True)
    sys.stdout, sys.stderr = output, unfailing(sys.stderr)  # type: ignore[assignment]
    try:
        yield output
    finally:
        output.must_arrive = False
        output.flush()
        failure = output.failure
        # A reader who goes away has what he wanted; EIO is a terminal that was closed.
        if failure is not None and failure.errno not in (errno.EPIPE, errno.EIO):
            print(f"stdout: {failure.strerror}. Not all of the output is there.", file=sys.stderr)
        sys.stdout, sys.stderr = before
