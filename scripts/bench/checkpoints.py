"""What a checkpoint costs: how long the training waits for it, and when it is on the disk.

Beside it `torch.save` of the same state over the same file, as most scripts save: the training
waits for all of it, and nothing proves what is on the disk. The two alternate as A B B A, and the
training goes on between them.
"""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lib.checkpoint import CheckpointStore, CheckpointWriter, Tiers
from lib.memory import tensor_bytes
from scripts.bench.context import Context
from scripts.bench.findings import Finding, Section, at_most, judged
from scripts.bench.loops import LENGTH, workload_data
from scripts.bench.our_loop import OurLoop
from scripts.bench.timing import bootstrap_interval, ratio_of

MOST_STALL_S = 0.5
ROUNDS = 5
STEPS_BETWEEN = 2
# Ours keeps two and writes a third; the plain one is a fourth.
NEEDED_COPIES = 4.5
MIB = 1 << 20
MOUNTS = Path("/proc/mounts")


@dataclass
class Saves:
    """What was seen of one way to save, save by save."""

    stall_s: list[float] = field(default_factory=list)
    """How long the call kept the training waiting."""
    done_s: list[float] = field(default_factory=list)
    """From the call until the file was written; ours until it was verified too."""
    bytes: int = 0
    host_bytes: int = 0
    """Host memory that is held between saves."""
    steps_meanwhile_s: list[float] = field(default_factory=list)
    """Training steps that began while a save was under way."""


def measure(context: Context) -> Section:
    """The largest workload of the device, which is GPT-2 124M."""
    workload = max(context.workloads(), key=lambda each: each.vocab_size)
    settings = context.settings(LENGTH | dict(workload.options))
    folder = context.folder / "checkpoints"
    dataset = workload_data(workload, folder / "data")
    with OurLoop(settings, dataset, context.device, folder / "run") as loop:
        loop.step()
        state_bytes = tensor_bytes(tensors_of(loop.state(step=0)))
        needed, free = int(NEEDED_COPIES * state_bytes), shutil.disk_usage(folder).free
        if free < needed:
            return Section(
                [],
                [
                    f"Not measured: {folder.parent} has {free / MIB:,.0f} MiB free, and "
                    f"{needed / MIB:,.0f} are needed. Name a larger disk in TMPDIR."
                ],
            )
        alone_s = [timed_s(lambda: step_and_wait(loop, context)) for _ in range(2 * ROUNDS)]
        rounds = 1 if context.is_fast else ROUNDS
        ours, plain = save_in_turn(loop, context, folder, rounds)
    findings = list(describe(workload.name, ours, plain, alone_s))
    for finding in findings:
        print(finding, flush=True)
    notes = [
        f"Weights and moments, {state_bytes / MIB:,.0f} MiB of tensors, onto "
        f"{file_system(folder)}; {2 * rounds} saves of each. Plain: `torch.save` over the same "
        "file, without fsync. Ours returns when the state is copied; a thread writes, syncs, "
        "reads back and renames it.",
    ]
    return Section(findings, notes)


def save_in_turn(loop: OurLoop, context: Context, folder: Path, rounds: int) -> tuple[Saves, Saves]:
    """Both ways, A B B A: ours and the plain one."""
    plain, ours = Saves(), Saves()
    tiers = Tiers(interval=0, rolling=0, epochs=0, limit_bytes=0, epoch_of=lambda step: None)
    numbers = iter(range(1, 1 << 30))
    path = folder / "plain.pt"
    with CheckpointWriter(CheckpointStore(folder / "store"), tiers) as writer:
        writer.reserve(loop.state(step=0))
        writer.wait()

        def save_plainly() -> None:
            state = loop.state(next(numbers))
            seconds = timed_s(lambda: torch.save(state, path))
            plain.stall_s.append(seconds)
            plain.done_s.append(seconds)
            plain.bytes = path.stat().st_size

        def save() -> None:
            state = loop.state(next(numbers))
            start = time.perf_counter()
            writer.save(state)
            ours.stall_s.append(time.perf_counter() - start)
            finished = []
            while not finished:
                ours.steps_meanwhile_s.append(timed_s(lambda: step_and_wait(loop, context)))
                finished = writer.finished()
            (saved,) = finished
            ours.done_s.append(saved.stall_s + saved.write_s + saved.verify_s)
            ours.bytes, ours.host_bytes = saved.bytes, writer.host_bytes

        for _ in range(rounds):
            for way in (save_plainly, save, save, save_plainly):
                for _ in range(STEPS_BETWEEN):
                    step_and_wait(loop, context)
                way()
    return ours, plain


def describe(model: str, ours: Saves, plain: Saves, alone_s: list[float]) -> Iterator[Finding]:
    """The lines; seconds are medians."""
    goal = at_most(MOST_STALL_S, " s")
    median, interval = statistics.median(ours.stall_s), bootstrap_interval(ours.stall_s)
    yield Finding(
        model,
        "wait of the training for a save, s",
        f"{median:.3f}",
        f"{statistics.median(plain.stall_s):.3f}",
        ratio_of(ours.stall_s, plain.stall_s),
        goal=goal,
        verdict=judged(goal, median, *interval),
    )
    yield Finding(
        model,
        "until the file is written, and ours is verified, s",
        f"{statistics.median(ours.done_s):.3f}",
        f"{statistics.median(plain.done_s):.3f}",
        ratio_of(ours.done_s, plain.done_s),
    )
    yield Finding(model, "file, MiB", f"{ours.bytes / MIB:,.1f}", f"{plain.bytes / MIB:,.1f}")
    yield Finding(model, "host memory held for saving, MiB", f"{ours.host_bytes / MIB:,.1f}", "0")
    meanwhile, alone = statistics.median(ours.steps_meanwhile_s), statistics.median(alone_s)
    yield Finding(model, "a step while a save is under way, s", f"{meanwhile:.3f}")
    yield Finding(model, "a step alone, s", f"{alone:.3f}")


def step_and_wait(loop: OurLoop, context: Context) -> None:
    """One training step, and all of its work."""
    loop.step()
    if context.device.kind != "cpu":
        torch.cuda.synchronize()


def timed_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def tensors_of(state: object) -> Iterator[torch.Tensor]:
    """Every tensor of nested containers; of those that share memory, as tied ones do, one."""
    seen: set[int] = set()

    def walk(value: Any) -> Iterator[torch.Tensor]:
        if isinstance(value, torch.Tensor):
            place = value.untyped_storage().data_ptr()
            if place not in seen:
                seen.add(place)
                yield value
        elif isinstance(value, dict):
            for each in value.values():
                yield from walk(each)
        elif isinstance(value, list | tuple):
            for each in value:
                yield from walk(each)

    yield from walk(state)


def file_system(path: Path) -> str:
    """The kind of the file system that holds `path`, and its device, for people."""
    try:
        lines = [line.split() for line in MOUNTS.read_text("utf-8").splitlines()]
    except OSError:
        return "a file system of unknown kind"
    above = [line for line in lines if path.resolve().is_relative_to(line[1])]
    if not above:
        return "a file system of unknown kind"
    # Of two mounts on one place the later one is seen.
    device, _, kind, *_ = max(reversed(above), key=lambda line: len(line[1]))
    return f"{kind} ({device})"
