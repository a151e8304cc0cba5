"""menuconfig in a terminal of our own, driven by keys, and the editors where they cannot run."""

import curses
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from lib.kconfig import ConfigError, backend
from lib.kconfig.editor import edit

ENTER, DOWN = "\n", "j"


class Terminal:
    """A program on a pseudo-terminal of 80 x 24."""

    def __init__(self, project, environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.kconfig.edit_screen"],
            cwd=project,
            env={"TERM": "xterm"} | environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until the text has been drawn since the last key."""
        deadline = time.monotonic() + 10
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} not in {self.seen!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    # Linux says EIO once the other end of a pseudo-terminal is closed.
                    raise AssertionError(f"{text!r} not in {self.seen!r}, and it ended") from None

    def press(self, keys: str, text: str) -> None:
        self.seen = ""
        os.write(self.master, keys.encode())
        self.wait_for(text)

    def end(self) -> int:
        """The exit status, once the program has ended."""
        deadline = time.monotonic() + 30
        try:
            # What it still draws must be taken, or it waits for ever.
            while time.monotonic() < deadline:
                if select.select([self.master], [], [], 0.2)[0]:
                    os.read(self.master, 65536)
        except OSError:
            # Linux says EIO once the other end of a pseudo-terminal is closed.
            pass
        status = self.process.wait(timeout=1)
        os.close(self.master)
        return status


@pytest.fixture
def terminal(project, environment):
    opened = Terminal(project, environment)
    yield opened
    if opened.process.poll() is None:
        opened.process.kill()
        opened.process.wait()


def lines(text: str) -> list[str]:
    """Without the comments on how the file was written."""
    record = ("# asked for: ", "# as written: ")
    return [line for line in text.splitlines() if not line.startswith(record)]


def test_a_change_is_saved_by_our_writer(tool, project, environment):
    tool("kconfig.load", "quick")
    before = (project / ".config").read_text()
    terminal = Terminal(project, environment)
    terminal.wait_for("Training")
    terminal.press(ENTER, "Biases")
    terminal.press(DOWN, "[*] Biases")
    # Curses draws what changes only: the blank between the brackets.
    terminal.press("n", " ")
    terminal.press("s", "Filename to save")
    terminal.press(ENTER, "saved")
    # One key closes the message, the next leaves the editor.
    terminal.press(ENTER, "\x1b")
    os.write(terminal.master, b"q")
    assert terminal.end() == 0
    after = (project / ".config").read_text()
    changed = before.replace("CONFIG_BIAS=y", "# CONFIG_BIAS is not set")
    assert lines(after) == lines(changed)
    assert "# asked for: BIAS n\n" in after
    assert "# from: quick\n" in after
    assert (project / ".config.old").read_text() == before


def test_ctrl_c_leaves_everything_as_it_was(terminal, files):
    before = files()
    terminal.wait_for("Training")
    terminal.press(ENTER, "Biases")
    terminal.press(DOWN, "[*] Biases")
    # Curses draws what changes only: the blank between the brackets.
    terminal.press("n", " ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert files() == before


def test_a_value_that_we_refuse_cannot_be_saved(terminal, files):
    before = files()
    terminal.wait_for("Training")
    terminal.press(ENTER, "Dropout")
    terminal.press(DOWN + DOWN + ENTER, "Dropout (string)")
    terminal.press("abc" + ENTER, "abc) Dropout")
    terminal.press("s", "Filename to save")
    terminal.press(ENTER, "DROPOUT=0.0abc is no number")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert files() == before


def test_a_wrong_config_is_not_opened(project, environment, files):
    (project / ".config").write_text("CONFIG_NOSUCH=y\n")
    before = files()
    terminal = Terminal(project, environment)
    terminal.wait_for(".config:1: there is no symbol NOSUCH")
    assert terminal.end() == 2
    assert files() == before


def test_it_ends_when_its_terminal_goes_away(terminal, files):
    """Without a signal, as under a remote shell that is cut off; left alone it spins for ever."""
    before = files()
    terminal.wait_for("Training")
    os.close(terminal.master)
    assert terminal.process.wait(timeout=20) == 128 + signal.SIGHUP
    assert files() == before


def test_without_a_terminal(tool, files):
    before = files()
    result = tool("kconfig.edit_screen", TERM="xterm")
    assert (result.returncode, result.stdout, files()) == (2, "", before)
    assert result.stderr.startswith("menuconfig: needs a terminal")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("dumb", "cannot draw on a dumb terminal"),
        ("", "cannot draw on a dumb terminal"),
        ("xterm-nobody-knows", "finds no description of this terminal (TERM=xterm-nobody-knows)"),
        ("../etc/passwd", "finds no description of this terminal"),
    ],
)
def test_on_a_terminal_that_cannot_draw(project, environment, name, complaint):
    terminal = Terminal(project, environment | {"TERM": name})
    terminal.wait_for(f"menuconfig: {complaint}")
    assert terminal.end() == 2
    assert "Traceback" not in terminal.seen


def test_in_a_locale_that_is_not_installed(project, environment):
    terminal = Terminal(project, environment | {"LC_ALL": "xx_YY.ISO-8859-77"})
    terminal.wait_for("Training")
    os.write(terminal.master, b"q")
    terminal.wait_for("Save")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130


def test_curses_that_gives_up_is_a_sentence(tree, monkeypatch, tmp_path):
    def give_up(raw):
        raise curses.error("no such luck")

    monkeypatch.setattr(backend.package("menuconfig"), "menuconfig", give_up)
    with pytest.raises(ConfigError, match="menuconfig: cannot draw here: no such luck; use"):
        edit(tree, tmp_path / "none", "menuconfig")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems need no DISPLAY")
def test_without_a_display(tool):
    result = tool("kconfig.edit_window")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("guiconfig: needs a display")
