"""The side that tells processes of scripts/bench/worker.py what to do."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from lib.cli import ROOT, RUN_ENDED_BADLY
from scripts.bench.context import Context
from scripts.bench.worker import Facts, Task
from scripts.bench.workloads import Workload


class WorkerFailed(ValueError):
    """A process that was to be measured has ended."""

    exit_status = RUN_ENDED_BADLY


class Worker:
    """One process with one loop."""

    def __init__(self, task: Task, log: Path) -> None:
        """Starts it and does not wait. log: takes what it says beside its answers."""
        self._task = task
        self._log = log
        words = [sys.executable, "-m", "scripts", "bench.worker", json.dumps(asdict(task))]
        with open(log, "w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                words,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def facts(self) -> Facts:
        """Once, before anything else; waits until the loop is there. Raises WorkerFailed."""
        return Facts(**self._answer())

    def block(self, steps: int) -> list[float]:
        """Take so many steps: one phase, their mean in ms. Raises WorkerFailed."""
        return self._ask(steps=steps)["ms"]

    def waits_in(self, steps: int) -> int:
        """How often so many steps made the host wait for the GPU. Raises WorkerFailed."""
        return self._ask(waits_in=steps)["waits"]

    def peak_bytes(self) -> int:
        """The most memory it held so far. Raises WorkerFailed."""
        return self._ask(peak=True)["bytes"]

    def _ask(self, **command: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        # If it has ended, that shows in the answer that does not come.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        status = self._process.wait()
        said = self._log.read_text("utf-8", errors="replace").strip().splitlines() or ["nothing"]
        raise WorkerFailed(
            f"The process of the loop '{self._task.loop}' ended with {status} and said: {said[-1]} "
            "Nothing was measured."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End it, whatever it is doing, and wait for that."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            # What was not sent before it ended cannot be sent any more.
            with suppress(BrokenPipeError):
                pipe.close()


def start(
    context: Context,
    workload: Workload,
    loop: str,
    *,
    data: Path,
    weights: Path | None,
    seed: int,
) -> Worker:
    """The process of one loop of a workload; see Task for what the arguments mean."""
    folder = context.folder / f"{workload.key}-{loop}-{seed}"
    options = workload.ours if loop == "ours" else dict(workload.options)
    task = Task(
        loop=loop,
        options=options,
        overrides=[(each.name, each.value) for each in context.overrides.assignments],
        device=context.device.kind,
        folder=str(folder),
        data=str(data),
        weights=None if weights is None else str(weights),
        seed=seed,
    )
    return Worker(task, folder.with_suffix(".log"))
