"""Peak memory of training: our trainer beside the plain loop, each in a process of its own.

On a processor the peak of the resident set, with what the process held before there was a model
stated beside it (the interpreter and torch); on a GPU the most that the allocator handed out. Both
contain everything: weights, gradients, moments, activations, logits.
"""

from pathlib import Path

from scripts.bench.context import Context
from scripts.bench.findings import Finding, Section, at_most, judged
from scripts.bench.loops import workload_data
from scripts.bench.timing import Ratio
from scripts.bench.workers import start
from scripts.bench.workloads import Workload

# The first step allocates the moments, the second has them from its beginning.
STEPS = 3
MIB = 1 << 20


def measure(context: Context) -> Section:
    """Every workload of the device."""
    findings = []
    for workload in context.workloads():
        if workload.our_options is not None:
            continue  # another micro-batch is another need of memory
        data = context.folder / f"memory-{workload.key}"
        workload_data(workload, data)
        before, mine = _peak(context, workload, "ours", data)
        _, theirs = _peak(context, workload, "plain", data)
        ratio = Ratio(mine / theirs, None, None)
        goal = at_most(workload.most_memory) if workload.most_memory else None
        part = f" (of it {before / MIB:,.0f} before the model)" if before else ""
        found = Finding(
            workload.name,
            f"peak memory, MiB{part}",
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


def _peak(context: Context, workload: Workload, loop: str, data: Path) -> tuple[int, int]:
    """Bytes of a process before there was a model, if that is known and counts, and at the peak."""
    with start(context, workload, loop, data=data, weights=None, seed=1) as worker:
        before = worker.facts().resident_bytes if context.device.kind == "cpu" else 0
        worker.block(STEPS)
        return before, worker.peak_bytes()
