"""A whole training in the process of a test."""

import io
import time
from typing import Any

from gpt2.trainers.resume import LATEST
from gpt2.trainers.run import Outcome, train_run
from lib.clock import Clock
from lib.console import Console
from lib.runs import RunDirectory
from lib.signals import StopRequests


def train_here(
    run: RunDirectory,
    settings: dict[str, Any],
    config_hash: str = "0" * 64,
    start_from: str = LATEST,
) -> Outcome:
    """Train as gpt2/train.py does once the run is claimed, without writing a summary."""
    run.begin_attempt({})
    with Console(run.log_path, "", io.StringIO()) as console, StopRequests() as stop:
        clock = Clock(time.perf_counter())
        return train_run(run, {}, config_hash, settings, console, clock, stop, start_from)
