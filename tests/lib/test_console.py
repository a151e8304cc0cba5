import io

import pytest

from lib.console import Console, count, duration, size


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
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1024, "1 KiB"),
        (1000 * 1024, "1000 KiB"),
        (1023.9 * 1024, "1 MiB"),
        (89_443_533, "85.3 MiB"),
        (1_493_277_696, "1.39 GiB"),
        (3 << 40, "3 TiB"),
    ],
)
def test_sizes(number, text):
    assert size(number) == text


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
