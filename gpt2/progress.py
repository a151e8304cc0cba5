"""What a run says at a log line: one line that replaces itself, or a block with everything.

Pure text from plain numbers, ASCII, at most 80 columns (the terminal cuts what is longer). A
number that was not measured is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt2.banner import rate
from lib.console import Console, count, duration, size, work
from lib.memory import MemoryNow
from lib.throughput import Throughput


@dataclass(frozen=True)
class Progress:
    """The steps since the last log line."""

    place: str
    """How far the run is, for people: "step   600/10000"."""
    loss: float
    """Mean over these steps, nats a token."""
    gradient_norm: float
    """Mean over these steps, before the clip."""
    learning_rate: float
    step_ms: float
    eta_s: float | None
    speed: Throughput
    """At the speed of these steps."""
    memory: MemoryNow | None
    gradients: Mapping[str, Any] | None
    """A row of kind "gradients" (lib/gradients.py) where one was due."""


def report(console: Console, progress: Progress, settings: Mapping[str, Any]) -> None:
    """Say it, as a line or a block, by the run's options."""
    if settings["LOG_DETAIL"]:
        console.block(detail(progress), [line(progress)])
    else:
        console.progress(line(progress))


def line(progress: Progress) -> str:
    """ "step   600/10000  loss 3.4567  lr 6.00e-04  520k tok/s  MFU 45.0%  ETA 12:34"."""
    speed = progress.speed
    parts = [
        progress.place,
        f"loss {progress.loss:.4f}",
        f"lr {progress.learning_rate:.2e}",
    ]
    if speed.tokens_per_s is not None:
        parts.append(f"{count(speed.tokens_per_s)} tok/s")
    if speed.mfu is not None:
        parts.append(f"MFU {speed.mfu:.1%}")
    elif speed.share_of_matmul is not None:
        parts.append(f"{speed.share_of_matmul:.0%} of matmul")
    if progress.eta_s is not None:
        parts.append(f"ETA {duration(progress.eta_s)}")
    return "  ".join(parts)


def detail(progress: Progress) -> list[str]:
    """The block of LOG_DETAIL."""
    head = [
        progress.place,
        f"loss {progress.loss:.4f}",
        f"{progress.step_ms:,.1f} ms a step",
        f"lr {progress.learning_rate:.2e}",
    ]
    if progress.eta_s is not None:
        head.append(f"ETA {duration(progress.eta_s)}")
    lines = ["-" * 80, _joined(head)]
    for label, groups in (
        ("speed", _speed(progress.speed)),
        ("memory", _memory(progress.memory)),
        ("gradients", _gradients(progress)),
    ):
        for group in groups:
            if group:
                lines.append(f"  {label:<11}{_joined(group)}")
                label = ""
    return lines


def _speed(speed: Throughput) -> list[list[str]]:
    first, second = [], []
    if speed.mfu is not None and speed.mfu_causal is not None:
        first.append(f"MFU {speed.mfu:.1%} ({speed.mfu_causal:.1%} causal)")
    if speed.achieved_tflops is not None:
        if speed.peak_tflops is not None:
            first.append(f"{speed.achieved_tflops:#.4g} of {rate(speed.peak_tflops)}")
        else:
            first.append(rate(speed.achieved_tflops))
    if speed.share_of_matmul is not None:
        first.append(f"{speed.share_of_matmul:.2f} of matmul")
    if speed.tokens_per_s is not None:
        second.append(f"{speed.tokens_per_s:,.0f} tok/s")
    second.append(f"{work(speed.flops_per_token)}/token")
    return [first, second]


def _memory(memory: MemoryNow | None) -> list[list[str]]:
    if memory is None:
        return []
    device = [
        f"{size(taken)} {name}"
        for taken, name in (
            (memory.allocated_bytes, "allocated"),
            (memory.peak_allocated_bytes, "peak"),
            (memory.reserved_bytes, "reserved"),
        )
        if taken is not None
    ]
    host = [f"{size(memory.rss_bytes)} on the host"] if memory.rss_bytes is not None else []
    host.append(f"{size(memory.peak_rss_bytes)} peak")
    return [device, host]


def _gradients(progress: Progress) -> list[list[str]]:
    row = progress.gradients
    if row is None:
        return [[f"norm {progress.gradient_norm:.4g}"]]
    parts = [f"norm {progress.gradient_norm:.4g}"]
    for name in ("mean", "std", "largest"):
        if row[name] is not None:
            parts.append(f"{name} {row[name]:.2e}")
    return [parts]


def _joined(parts: list[str]) -> str:
    return " | ".join(parts)
