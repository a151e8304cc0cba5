"""One loop in a process of its own, which takes steps when it is told to and waits otherwise.

Some of what makes a run fast holds for its whole process (how freed memory is kept, the garbage
collector, switches of PyTorch), so loops in one process would share it. Here each has a process,
and one at a time has work: the others sleep at a pipe. Words go both ways as lines of JSON.
"""

import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from gpt2.budget import tokens_per_step
from gpt2.cost import model_flops
from gpt2.datasets import open_dataset
from lib.cli import ROOT, guarded
from lib.device import find_device
from lib.flops import RANKED
from lib.kconfig import load_tree, override_layer
from lib.memory import peak_device_memory, peak_rss_bytes, reset_peak
from scripts.bench.context import Context, threads_of
from scripts.bench.loops import LENGTH, PlainLoop, random_windows
from scripts.bench.our_loop import OurLoop
from scripts.bench.timing import block, means, timed

SYNC = "called a synchronizing"  # as torch warns of an operation that waits for the GPU
STATUS = Path("/proc/self/status")
# Its fields: resident at this moment, and the most of this program.
NOW, PEAK = "VmRSS", "VmHWM"


@dataclass(frozen=True)
class Task:
    """What the process is for; all of it can be written as JSON."""

    loop: str
    """ "ours" or "plain"."""
    options: dict[str, str]
    """Of the workload, by configuration symbol."""
    overrides: list[tuple[str, str]]
    """Of the command line."""
    device: str
    """cpu, cuda or rocm."""
    folder: str
    """To litter; must not be there yet. Whoever starts the process removes it."""
    data: str
    """Folder of the prepared dataset."""
    weights: str | None
    """A file of initial weights: ours writes it, the plain loop starts from it. None: each draws
    its own."""
    seed: int
    """Of the plain loop's windows."""


@dataclass(frozen=True)
class Facts:
    """What is known before the first step."""

    parameters: int
    tokens: int
    """Of one optimizer step."""
    flops: int | None
    """Of one token, forward and backward; None of the plain loop, whose model is the same."""
    dtype: str
    """Of our loop's matrix products."""
    resident_bytes: int
    """Before there was a model; 0 where the system does not tell."""


def main(arguments: Sequence[str]) -> int:
    """The life of such a process."""
    task = Task(**json.loads(arguments[0]))
    # What a library prints is no answer.
    with os.fdopen(os.dup(1), "w") as answers, ExitStack() as stack:
        os.dup2(2, 1)
        loop, facts = _start(task, stack)
        _say(answers, asdict(facts))
        device = torch.device(find_device(task.device, 0).torch_name)
        for line in sys.stdin:
            match json.loads(line):
                case {"steps": count}:
                    milliseconds = block(timed(loop.step), device, count, means)
                    # As at a log line of a run, which is not timed either.
                    loop.settle()
                    _say(answers, {"ms": milliseconds})
                case {"waits_in": count}:
                    _say(answers, {"waits": _waits(loop, count)})
                case {"peak": _}:
                    _say(answers, {"bytes": _peak_bytes(device)})
    return 0


def _start(task: Task, stack: ExitStack) -> tuple[OurLoop | PlainLoop, Facts]:
    device = find_device(task.device, 0)
    overrides = override_layer([(name, value) for name, value in task.overrides])
    context = Context(device, False, None, Path(task.folder), load_tree(ROOT), overrides)
    settings = context.settings(LENGTH | task.options)
    torch.set_num_threads(threads_of(settings))
    dataset = open_dataset(Path(task.data))
    resident = _resident(NOW)
    reset_peak(context.torch_device)
    loop: OurLoop | PlainLoop
    flops = None
    if task.loop == "ours":
        loop = stack.enter_context(OurLoop(settings, dataset, device, context.folder))
        flops = model_flops(loop.model, settings["BLOCK_SIZE"]).training(RANKED)
        if task.weights is not None:
            torch.save(loop.initial_weights(), task.weights)
    else:
        weights = torch.load(task.weights, weights_only=True) if task.weights else None
        batches = random_windows(dataset, settings, context.torch_device, task.seed)
        vocab_size = dataset.manifest.vocab_size
        loop = PlainLoop(settings, vocab_size, context.torch_device, batches, weights)
    parameters = sum(parameter.numel() for parameter in loop.model.parameters())
    facts = Facts(parameters, tokens_per_step(settings), flops, settings["DTYPE"], resident)
    return loop, facts


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _waits(loop: OurLoop | PlainLoop, steps: int) -> int:
    """How often so many steps make the host wait for the GPU, as far as torch can tell."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            for _ in range(steps):
                loop.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum(SYNC in str(warning.message) for warning in caught)


def _peak_bytes(device: torch.device) -> int:
    """Of a GPU what its allocator handed out at most, else the peak of the resident set."""
    peak = peak_device_memory(device)
    return peak.allocated_bytes if peak else _resident(PEAK)


def _resident(field: str) -> int:
    """Bytes of NOW or PEAK.

    Where the system does not tell them: 0 for the first, and what getrusage says for the second,
    which may be the peak of whoever started this process.
    """
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", STATUS.read_text("ascii"), re.MULTILINE)
    except OSError:
        found = None
    if found is None:
        return peak_rss_bytes() if field == PEAK else 0
    return 1024 * int(found[1])


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
