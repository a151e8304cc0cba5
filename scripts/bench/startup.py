"""What the harness costs beside the training: real runs and commands, each a fresh process.

A run's cost is its wall time less what it trained and evaluated (summary.json) and less what
`import torch` takes in the same interpreter, measured in turn with the runs. What is left is ours:
the start of the interpreter, the configuration, the device, the data and its check, building the
model, the files at the end. Commands that people wait for are timed too, and must import no torch.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gpt2.datasets import prepare
from lib.cli import ROOT
from lib.kconfig import Configuration
from lib.kconfig.overrides import OVERRIDES_VARIABLE
from lib.kconfig.store import save_config
from lib.runs import RunDirectory
from scripts.bench.context import Context
from scripts.bench.findings import Finding, Goal, Section, at_most, judged
from scripts.bench.timing import bootstrap_interval
from scripts.bench.workloads import FAST, TINY
from scripts.matrix.plan import plan

MOST_S = 1.0
MOST_COMMAND_S = 0.3
REPEATS = 7
STEPS = 50

TORCH_ALONE = """
import time
start = time.perf_counter()
import torch
print(time.perf_counter() - start)
"""
# A line of `python -X importtime`: self | cumulative | name, indented by depth.
BRINGS_TORCH = re.compile(r"^import time:.*\| +torch$", re.MULTILINE)


@dataclass(frozen=True)
class Times:
    """One run, in seconds."""

    wall: float
    import_torch: float
    train: float
    evaluate: float
    checkpoint: float
    """What the training waited for its checkpoints; a part of what is ours."""

    @property
    def harness(self) -> float:
        """What is neither training nor evaluation nor `import torch`."""
        return self.wall - self.import_torch - self.train - self.evaluate


def measure(context: Context) -> Section:
    """Runs first, since some commands then have one to look at."""
    folder = context.folder / "startup"
    folder.mkdir()
    repeats = 1 if context.is_fast else REPEATS
    prepare("pystdlib", folder / "data", "", None, None, print)
    workload = FAST if context.is_fast else TINY
    times = []
    for seed in range(repeats):
        configuration = _configuration(context, folder, dict(workload.options), seed)
        times.append(time_run(folder, configuration))
    findings = list(_runs(times, workload.name))
    for finding in findings:
        print(finding, flush=True)
    for finding in _commands(folder, configuration, repeats):
        print(finding, flush=True)
        findings.append(finding)
    notes = [
        f"Runs of {STEPS} steps ({workload.name}, pystdlib as bytes, prepared before), each in a "
        f"process of its own, in turn with `import torch`; medians of {repeats}, with a bootstrap "
        "interval. Whether a command imports torch is what `python -X importtime` says.",
    ]
    return Section(findings, notes)


def _configuration(
    context: Context, folder: Path, options: dict[str, str], seed: int
) -> Configuration:
    steps = {"MAX_ITERS": str(STEPS), "EVAL_INTERVAL": str(STEPS), "WARMUP_STEPS": "10"}
    data = {"DATASET": "pystdlib", "DATA_DIR": str(folder / "data")}
    places = {"RESULTS_DIR": str(folder / "results"), "SEED": str(seed)}
    return context.configuration(options | steps | data | places)


def time_run(folder: Path, configuration: Configuration) -> Times:
    """Compute a run that was not computed before, as a matrix would."""
    run = RunDirectory.of(folder / "results", configuration.typed())
    run.freeze(configuration)
    _, said = _process([sys.executable, "-c", TORCH_ALONE])
    wall, _ = _process([sys.executable, "-m", "gpt2.train", "--run", str(run.path)])
    summary = run.summary()
    assert summary is not None, f"{run.path} says it is done and has no summary"
    seconds = summary["time"]
    parts = (seconds[part] for part in ("train_s", "eval_s", "checkpoint_s"))
    return Times(wall, float(said), *parts)


def _runs(times: Sequence[Times], model: str) -> Iterator[Finding]:
    what = "a run beyond `import torch`, training and evaluation, s"
    yield _finding(model, what, [each.harness for each in times], at_most(MOST_S, " s"))
    what = "of it waiting for checkpoints, s"
    yield _finding(model, what, [each.checkpoint for each in times], None)
    yield _finding(model, "the whole run, s", [each.wall for each in times], None)
    yield _finding(model, "`import torch`, s", [each.import_torch for each in times], None)
    yield _finding(model, "training, s", [each.train for each in times], None)
    yield _finding(model, "evaluation, s", [each.evaluate for each in times], None)


@dataclass(frozen=True)
class Command:
    """Something that people type and wait for."""

    name: str
    words: tuple[str, ...]
    goal: Goal | None = None


def _commands(folder: Path, configuration: Configuration, repeats: int) -> Iterator[Finding]:
    environment = {"KCONFIG_CONFIG": str(folder / "config")}
    save_config(folder / "config", configuration, None)
    plan(configuration).write()
    run = RunDirectory.of(folder / "results", configuration.typed())
    tool = (sys.executable, "-m", "scripts")
    train = str(ROOT / "gpt2" / "train.py")
    quick = at_most(MOST_COMMAND_S, " s")
    commands = (
        Command("make help", ("make", "help"), quick),
        Command("make olddefconfig", (*tool, "kconfig.refresh"), quick),
        Command("make explain-MAX_ITERS", (*tool, "kconfig.explain", "MAX_ITERS"), quick),
        Command("gpt2/train.py --help", (sys.executable, train, "--help"), quick),
        Command("make dry-run", (*tool, "matrix", "plan")),
        Command("make status", (*tool, "status")),
        Command("make summary", (*tool, "report", "--text-only")),
        Command("a run that is done", (sys.executable, "-m", "gpt2.train", "--run", str(run.path))),
    )
    seconds: dict[str, list[float]] = {command.name: [] for command in commands}
    for _ in range(repeats):
        for command in commands:
            wall, _ = _process(command.words, environment)
            seconds[command.name].append(wall)
    for command in commands:
        void = "missed: imports torch" if imports_torch(command.words, environment) else None
        yield _finding("commands", f"{command.name}, s", seconds[command.name], command.goal, void)


def imports_torch(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command of Python imports torch before it ends; Make alone brings none."""
    if words[0] != sys.executable:
        return False
    done = _finished([words[0], "-X", "importtime", *words[1:]], environment)
    return BRINGS_TORCH.search(done.stderr) is not None


def _finding(
    model: str, what: str, seconds: Sequence[float], goal: Goal | None, void: str | None = None
) -> Finding:
    median, (low, high) = statistics.median(seconds), bootstrap_interval(seconds)
    return Finding(
        model,
        what,
        f"{median:.3f}",
        interval=None if low is None else f"{low:.3f} to {high:.3f}",
        goal=goal,
        verdict=judged(goal, median, low, high, void=void),
    )


def _process(
    words: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[float, str]:
    """Seconds from start to end, and what it said."""
    start = time.perf_counter()
    done = _finished(words, environment)
    return time.perf_counter() - start, done.stdout


def _finished(
    words: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    # What Make hands on to this process is about this process.
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS")) and name != OVERRIDES_VARIABLE
    }
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=ours | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise ValueError(
            f"`{' '.join(words)}` ended with {done.returncode} and said: {said[-1]}. Nothing was "
            "measured; mend that and give the command again."
        )
    return done
