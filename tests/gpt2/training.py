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

# Fields of the rows of metrics.jsonl that a run cannot repeat: times, and what is made of them; and
# the memory of the process, which has other things in it as well.
UNREPEATABLE = frozenset(
    {
        *("time_s", "tokens_per_s", "step_ms", "prune_ms", "eval_s"),
        *("achieved_tflops", "mfu", "share_of_matmul"),
        *("allocated_bytes", "reserved_bytes", "peak_allocated_bytes", "peak_reserved_bytes"),
        *("rss_bytes", "peak_rss_bytes"),
    }
)


def repeatable(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says of the training alone."""
    return {key: value for key, value in row.items() if key not in UNREPEATABLE}


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
