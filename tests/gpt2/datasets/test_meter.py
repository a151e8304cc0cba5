import io

import pytest

from gpt2.datasets import meter
from gpt2.datasets.meter import Meter


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_a_line_now_and_then(told, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: clock[0])
    with Meter(1_000_000, 100_000, told.append) as counter:
        for _ in range(7):
            clock[0] += 10
            counter.add(50_000)
    assert told == [
        "25.0% (250k tokens), 5k tokens/s, 2:30 to go",
        "40.0% (400k tokens), 5k tokens/s, 2:00 to go",
    ]


def test_a_forecast_that_is_passed_stays_at_the_end(told, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: clock[0])
    counter = Meter(100, 0, told.append)
    clock[0] = 40.0
    counter.add(400)
    assert told == ["100.0% (400 tokens), 10 tokens/s, 0:00 to go"]


def test_a_bar_on_a_terminal_and_nothing_stays_of_it(told, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(meter.sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Meter(1000, 0, told.append) as counter:
        counter.add(500)
    assert told == []
    assert "tokenising" in screen.getvalue()
    assert "50%" in screen.getvalue()


@pytest.mark.parametrize("term", ["dumb"])
def test_no_bar_on_a_terminal_that_cannot(told, monkeypatch, term):
    screen = Terminal()
    monkeypatch.setattr(meter.sys, "stdout", screen)
    monkeypatch.setenv("TERM", term)
    with Meter(1000, 0, told.append) as counter:
        counter.add(500)
    assert screen.getvalue() == ""
