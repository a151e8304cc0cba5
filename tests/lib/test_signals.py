"""Signals set a flag where a stop is deferred, and interrupt elsewhere."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from lib.cli import ROOT
from lib.signals import STOPPING, Stopped, StopRequests


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_deferred_it_is_only_noted(number):
    with StopRequests() as stop, stop.deferred():
        try:
            send(number)
        except Stopped:
            pytest.fail("interrupted")
        assert stop.requested == number


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_elsewhere_it_interrupts(number):
    with StopRequests(), pytest.raises(Stopped) as raised:
        send(number)
    assert raised.value.signal == number


def test_a_second_interrupt_leaves_at_once_and_a_second_terminate_does_not():
    with StopRequests() as stop, stop.deferred():
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        assert stop.requested == signal.SIGTERM
        with pytest.raises(Stopped) as raised:
            send(signal.SIGINT)
        assert raised.value.exit_status == 130


def test_exit_statuses():
    statuses = {number.name: Stopped(number).exit_status for number in STOPPING}
    assert statuses == {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGUSR1": 75}


def test_the_handlers_before_come_back():
    before = [signal.getsignal(number) for number in STOPPING]
    with StopRequests():
        assert [signal.getsignal(number) for number in STOPPING] != before
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_nothing_that_catches_exceptions_swallows_a_stop():
    assert not issubclass(Stopped, Exception)


def test_under_nohup_a_closed_terminal_stops_nothing():
    program = """
    import os, signal
    from lib.signals import StopRequests
    with StopRequests() as stop, stop.deferred():
        os.kill(os.getpid(), signal.SIGHUP)
        print(stop.requested)
    """
    done = subprocess.run(
        ["nohup", sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "None\n", done.stderr
