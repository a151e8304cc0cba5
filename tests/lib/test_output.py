"""Output that cannot be shown fails nothing: encodings, readers that go away, full disks."""

import io
import os
import subprocess
import sys

import pytest

from lib.cli import ROOT
from lib.console import Console
from lib.output import Output, unfailing

TEXT = "a \u00e9 \u6f22 \U0001f600 \udc80 z"

# Says what it does, then whether it came to its end.
PROGRAM = """
import sys
from lib.cli import guarded
from lib.output import outlive_reader

def main(arguments):
    if "outlive" in arguments:
        outlive_reader()
    for number in range(3000):
        print("a \\u00e9 \\u6f22 \\udc80", number)
        sys.stdout.flush()
        if "errors" in arguments:
            print("b \\u00e9 \\u6f22 \\udc80", file=sys.stderr)
    open(arguments[0], "w").write("the end")
    if "wrong" in arguments:
        raise ValueError("a sentence \\u6f22")
    return 7 if "seven" in arguments else 0

sys.exit(guarded(main, sys.argv[1:]))
"""


@pytest.fixture
def shell(tmp_path):
    """shell("... {program} ..."): a line for bash -> its status and stderr, and whether the
    program came to its end."""
    end = tmp_path / "end"

    def call(line, *arguments, **environment):
        end.unlink(missing_ok=True)
        words = " ".join([sys.executable, "-c", '"$PROGRAM"', str(end), *arguments])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line.replace("PROGRAM", words)],
            cwd=ROOT,
            env=os.environ | {"PROGRAM": PROGRAM} | environment,
            capture_output=True,
        )
        return done.returncode, done.stderr.decode(errors="replace"), end.exists(), done.stdout

    return call


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16", "shift-jis"])
def test_every_character_in_every_encoding(shell, encoding):
    status, errors, is_at_end, shown = shell("PROGRAM", "errors", PYTHONIOENCODING=encoding)
    assert (status, is_at_end) == (0, True), errors
    assert shown.decode(encoding).splitlines()[-1].endswith(" 2999")
    assert "Traceback" not in errors


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "arguments", "expected"),
    [
        # Who shows something ends with its reader, in silence.
        ("PROGRAM | true", (), (0, "", False)),
        ("PROGRAM | head -n1 >/dev/null", (), (0, "", False)),
        # Who writes files goes on, and keeps its own status.
        ("PROGRAM | true", ("outlive",), (0, "", True)),
        ("PROGRAM | true", ("outlive", "seven"), (7, "", True)),
        ("PROGRAM 2>&1 | true", ("outlive", "errors"), (0, "", True)),
        ("PROGRAM 2>&1 >/dev/null | true", ("errors", "wrong"), (2, "", True)),
        ("PROGRAM >&- 2>&-", ("errors", "seven"), (7, "", True)),
        ("PROGRAM <&- >&- 2>&-", ("errors", "wrong"), (2, "", True)),
        # A full disk is told.
        ("PROGRAM >/dev/full", (), (74, "stdout: No space left on device. Not all", False)),
        ("PROGRAM >/dev/full", ("outlive",), (0, "stdout: No space left on device. Not", True)),
        ("PROGRAM 2>/dev/full >/dev/null", ("errors", "seven"), (7, "", True)),
    ],
)
def test_nobody_reads_or_nothing_can_be_written(shell, line, arguments, expected, unbuffered):
    status, errors, is_at_end, _ = shell(line, *arguments, PYTHONUNBUFFERED=unbuffered)
    assert (status, is_at_end) == (expected[0], expected[2]), errors
    assert errors.startswith(expected[1])
    assert errors.count("\n") == (1 if expected[1] else 0)


class Broken(io.StringIO):
    """A terminal that is cut off after the first line."""

    encoding = "ascii"

    def write(self, text):
        if "\n" in self.getvalue():
            raise OSError(5, "Input/output error")
        return super().write(text)

    def isatty(self):
        return True

    def fileno(self):
        raise OSError(5, "Input/output error")


def test_a_run_outlives_its_terminal_and_the_log_has_all(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    terminal = Broken()
    with Console(tmp_path / "train.log", "", terminal) as console:
        console.progress("first")
        for text in (TEXT, "last"):
            console.line(text)
            console.progress(text)
    assert terminal.getvalue() == "first\n"
    logged = (tmp_path / "train.log").read_text(encoding="utf-8")
    assert logged.splitlines()[1].startswith("a \u00e9 \u6f22 \U0001f600 \\udc80 z")
    assert logged.endswith("last\nlast\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_lacks_is_escaped(encoding):
    raw = io.BytesIO()
    stream = unfailing(io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    assert stream.write(TEXT) == len(TEXT)
    assert raw.getvalue() == TEXT.encode(encoding, "backslashreplace")
    assert unfailing(stream) is stream


def test_a_stream_that_must_arrive_says_that_it_did_not():
    output = Output(Broken("\n"), must_arrive=True)
    with pytest.raises(OSError, match="Input/output") as caught:
        output.write("x")
    assert output.failure is caught.value
