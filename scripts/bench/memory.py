"""Peak memory of training: our trainer beside the plain loop, each in a process of its own.

On a processor the peak of the resident set, with what the process held before there was a model
stated beside it (the interpreter and torch); on a GPU the most that the allocator handed out. Both
contain everything: weights, gradients, moments, activations, logits.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from gpt2.datasets import open_dataset
from gpt2.trainers.run import set_up_torch
from lib.cli import ROOT, guarded
from lib.device import find_device
from lib.kconfig import load_tree, override_layer
from lib.memory import peak_device_memory, peak_rss_bytes, reset_peak
from scripts.bench.context import Context
from scripts.bench.findings import Finding, Section, at_most, judged
from scripts.bench.loops import PlainLoop, workload_data
from scripts.bench.our_loop import OurLoop
from scripts.bench.timing import Ratio
from scripts.bench.workloads import Workload

# The first step allocates the moments, the second has them from its beginning.
STEPS = 3
MIB = 1 << 20
STATUS = Path("/proc/self/status")
# Its fields: resident at this moment, and the most of this program.
NOW, PEAK = "VmRSS", "VmHWM"


def measure(context: Context) -> Section:
    """Every workload of the device; each loop in a fresh process."""
    findings = []
    for workload in context.workloads():
        if workload.our_options is not None:
            continue  # another micro-batch is another need of memory
        data = context.folder / f"memory-{workload.key}"
        workload_data(workload, data)
        (base, mine), (_, theirs) = (
            _in_a_process(context, workload, data, loop) for loop in ("ours", "plain")
        )
        ratio = Ratio(mine / theirs, None, None)
        goal = at_most(workload.most_memory) if workload.most_memory else None
        before = f" (of it {base / MIB:,.0f} before the model)" if base else ""
        found = Finding(
            workload.name,
            f"peak memory, MiB{before}",
            f"{mine / MIB:,.0f}",
            f"{theirs / MIB:,.0f}",
            ratio,
            goal=goal,
            verdict=judged(goal, ratio.median),
        )
        print(found, flush=True)
        findings.append(found)
    what = "the resident set" if context.device.kind == "cpu" else "the allocator's tensors"
    notes = [f"Peak of {what} over {STEPS} optimizer steps, each loop in a process of its own."]
    return Section(findings, notes)


def _in_a_process(context: Context, workload: Workload, data: Path, loop: str) -> tuple[int, int]:
    """Bytes before there was a model, and at the peak."""
    options = dict(workload.ours if loop == "ours" else workload.options)
    asked = [(each.name, each.value) for each in context.overrides.assignments]
    task = {"loop": loop, "data": str(data), "options": options, "overrides": asked}
    task |= {"device": context.device.kind}
    words = [sys.executable, "-m", "scripts", "bench.memory", json.dumps(task)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise ValueError(
            f"{workload.name}, {loop}: the process ended with {done.returncode} and said: "
            f"{said[-1]}. Its memory was not measured."
        )
    found = json.loads(done.stdout)
    return found["base"], found["peak"]


def main(arguments: Sequence[str]) -> int:
    """The inside of one such process: train a few steps, and say what they took."""
    parser = argparse.ArgumentParser(prog="bench.memory", description=main.__doc__)
    parser.add_argument("task", type=json.loads, help="as `make bench` writes it")
    task = parser.parse_args(arguments).task
    device = find_device(task["device"], 0)
    torch_device = torch.device(device.torch_name)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = override_layer([tuple(pair) for pair in task["overrides"]])
        context = Context(device, False, None, folder, load_tree(ROOT), overrides)
        settings = context.settings(task["options"])
        set_up_torch(settings)
        dataset = open_dataset(Path(task["data"]))
        base = _resident(NOW) if device.kind == "cpu" else 0
        reset_peak(torch_device)
        with ExitStack() as stack:
            loop: OurLoop | PlainLoop
            if task["loop"] == "ours":
                loop = stack.enter_context(OurLoop(settings, dataset, device, folder / "run"))
            else:
                loop = PlainLoop(settings, dataset, torch_device, seed=1, weights=None)
            for _ in range(STEPS):
                loop.step()
        peak = peak_device_memory(torch_device)
    bytes_at_peak = peak.allocated_bytes if peak else _resident(PEAK)
    print(json.dumps({"base": base, "peak": bytes_at_peak}))
    return 0


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
