import io
import os

import pytest

from lib.console import Console, count, duration, folded, size, work, wrapped


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        raise OSError("not a real terminal")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (10921, "3:02:01")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (950, "950"), (999.6, "1k"), (17_340, "17.3k"), (124_439_808, "124M"), (2e9, "2G")],
)
def test_counts(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (950, "950 B"),
        (1024, "1 KiB"),
        (497_903_616, "475 MiB"),
        (1010 << 20, "1010 MiB"),
        (1.86 * (1 << 30), "1.86 GiB"),
        (3 << 40, "3 TiB"),
    ],
)
def test_sizes(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("flops", "text"),
    [
        (7, "7 FLOP"),
        (226_560, "0.2266 MFLOP"),
        (34_688, "34.69 kFLOP"),
        (855_383_040, "0.8554 GFLOP"),
        (798_000_000, "0.7980 GFLOP"),
        (989e12, "989.0 TFLOP"),
        (2250e12, "2250 TFLOP"),
    ],
)
def test_work(flops, text):
    assert work(flops) == text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_run_started_by_hand_shows_a_block_as_it_is(tmp_path, monkeypatch, stream):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    out = stream()
    with Console(tmp_path / "train.log", "arm", out) as console:
        console.block(["one", "  two"], ["in short"])
    assert out.getvalue() == "one\n  two\n"
    assert (tmp_path / "train.log").read_text() == "one\n  two\n"


def test_below_make_a_block_is_shown_in_short_and_logged_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKELEVEL", "1")
    out = Terminal()
    with Console(tmp_path / "train.log", "arm", out) as console:
        console.block(["one", "  two"], ["in short"])
    assert out.getvalue() == "arm: in short\n"
    assert (tmp_path / "train.log").read_text() == "one\n  two\n"


def test_a_block_takes_the_place_of_a_progress_line(tmp_path, monkeypatch):
    out = Terminal()
    monkeypatch.setattr("os.get_terminal_size", lambda fileno: os.terminal_size((80, 24)))
    monkeypatch.setattr(Terminal, "fileno", lambda self: 1)
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    monkeypatch.delenv("MAKELEVEL", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with Console(tmp_path / "train.log", "arm", out) as console:
        console.progress("step 1")
        console.block(["one"], [])
    assert out.getvalue() == "\r\x1b[2Karm: step 1\r\x1b[2Kone\n"


def test_a_pipe_gets_whole_lines_and_no_escape_codes(tmp_path):
    pipe = io.StringIO()
    with Console(tmp_path / "train.log", "arm", pipe) as console:
        console.progress("step 1")
        console.line("done")
    assert pipe.getvalue() == "arm: step 1\narm: done\n"
    assert (tmp_path / "train.log").read_text() == "step 1\ndone\n"


def test_several_runs_at_a_time_do_not_erase_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", " -j2 --jobserver-auth=3,4")
    terminal = Terminal()
    with Console(tmp_path / "train.log", "arm", terminal) as console:
        console.progress("step 1")
    assert terminal.getvalue() == "arm: step 1\n"


def test_a_terminal_that_went_away_does_not_stop_the_run(tmp_path):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with Console(tmp_path / "train.log", "", Gone()) as console:
        console.line("still here")
    assert (tmp_path / "train.log").read_text() == "still here\n"


SENTENCE = "left out: adamw state: it needs OPTIMIZER=adamwprune, and no word of it is ever cut"
ROW = "adamwprune+bitter1@50% LEARNING_RATE=3e-4 s1337  pending     20   2.56k"


@pytest.mark.parametrize("columns", [40, 60])
def test_on_a_terminal_sentences_are_folded_and_tables_are_not(monkeypatch, columns):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))
    lines = folded(f"{SENTENCE}\n\n{ROW}").split("\n")
    assert lines[-2:] == ["", ROW]
    assert " ".join(line.strip() for line in lines[:-2]) == SENTENCE
    assert all(len(line) < columns for line in lines[:-2])
    assert all(line.startswith("  ") for line in lines[1:-2])


def test_a_file_has_whole_lines(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert folded(f"{SENTENCE * 9}\n{ROW}") == f"{SENTENCE * 9}\n{ROW}"


def test_a_path_is_never_cut():
    assert wrapped("see /a/very/long-path/that-is/wider then", 8) == [
        "see",
        "  /a/very/long-path/that-is/wider",
        "  then",
    ]
