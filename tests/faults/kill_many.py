"""Kill runs at random moments, let them continue, and compare what they end with.

A program of its own, because it forks: PyTorch is imported once, with one thread, and every
attempt is a forked child that is killed by SIGKILL or runs to its end. Prints one JSON object:

    {"straight": hash, "whole_s": seconds, "runs": number,
     "kills": [{"hash", "same_rows", "delay_s", "seen_step", "saved_step", "in_a_save",
                "in_an_evaluation"}, ...]}

Usage: python tests/faults/kill_many.py RUN NUMBER SEED. RUN is a planned run's folder; copies of it
are made beside it. Not collected by pytest.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

import gpt2.trainers.run  # noqa: F401 (what a child would otherwise import)
import gpt2.trainers.saving  # noqa: F401
from gpt2.train import main
from lib.checkpoint import CheckpointStore
from lib.metrics import read_metrics
from lib.runs import RunDirectory
from tests.gpt2.training import repeatable


def start(run: RunDirectory) -> int:
    """A child that computes `run`; returns its process number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        status = main(["--run", str(run.path)])
    finally:
        # Without the clean-up of the parent's program.
        os._exit(status)


def finish(run: RunDirectory) -> str:
    """Compute `run` to its end; returns the hash of the weights that it leaves."""
    _, status = os.waitpid(start(run), 0)
    assert os.waitstatus_to_exitcode(status) == 0, run.log_path.read_text()
    return weights_hash(run)


def weights_hash(run: RunDirectory) -> str:
    store = CheckpointStore(run.checkpoints_path)
    state = store.load(run.checkpoints_path / "final.pt")
    digest = hashlib.sha256()
    for name, tensor in sorted(state["model"].items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def copy_of(planned: RunDirectory, number: int) -> RunDirectory:
    """The same run in a folder of its own: a folder belongs to a run by the end of its name."""
    folder = planned.path.with_name(f"kill-{number:03d}-{planned.name}")
    folder.mkdir()
    for name in (".config", "config.py"):
        shutil.copy(planned.path / name, folder / name)
    return RunDirectory(folder)


def kill_once(run: RunDirectory, delay_s: float) -> dict | None:
    """One attempt that is killed after `delay_s`; None if it had ended before."""
    child = start(run)
    deadline = time.perf_counter() + delay_s
    has_ended = False
    while not has_ended and (left_s := deadline - time.perf_counter()) > 0:
        time.sleep(min(left_s, 0.005))
        has_ended = os.waitpid(child, os.WNOHANG)[0] != 0
    if not has_ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if run.summary() is not None:
        return None
    rows = read_metrics(run.metrics_path)
    seen = max((row["step"] for row in rows), default=0)
    kinds = {row["kind"] for row in rows if row["step"] == seen}
    return {
        "delay_s": delay_s,
        "seen_step": seen,
        "saved_step": max(CheckpointStore(run.checkpoints_path).steps(), default=0),
        "in_a_save": any(run.checkpoints_path.glob(".*.tmp-*")),
        "in_an_evaluation": seen > 0
        and seen % run.config().EVAL_INTERVAL == 0
        and kinds == {"train"},
    }


def experiment(planned: RunDirectory, kills: int, seed: int) -> dict:
    """`kills` kills, at most three of a run; each record has the hash that the run ended with."""
    straight = copy_of(planned, 0)
    finish(straight)
    # Once more, now that the data are prepared: how long an attempt takes.
    number, killed = 1, []
    again = copy_of(planned, number)
    began = time.perf_counter()
    wanted = finish(again)
    whole_s = time.perf_counter() - began
    assert wanted == weights_hash(straight)
    moments = random.Random(seed)
    while len(killed) < kills:
        number += 1
        run = copy_of(planned, number)
        # How long an attempt takes changes with what else the machine does. Where one of a new run
        # ended unkilled, that is how long; else perhaps longer than was thought.
        began = time.perf_counter()
        records = [kill_once(run, moments.uniform(0, whole_s))]
        whole_s = time.perf_counter() - began if records[0] is None else 1.05 * whole_s
        records += [kill_once(run, moments.uniform(0, whole_s)) for _ in range(2)]
        digest = finish(run)
        is_same = comparable(run) == comparable(straight)
        killed += [r | {"hash": digest, "same_rows": is_same} for r in records if r is not None]
        shutil.rmtree(run.path)
    return {"straight": wanted, "whole_s": whole_s, "runs": number - 1, "kills": killed}


def comparable(run: RunDirectory) -> list:
    """What metrics.jsonl says of the training, without times and memory."""
    rows = read_metrics(run.metrics_path, {"train", "eval", "prune"})
    return [repeatable(row) for row in rows]


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, number, seed = sys.argv[1:]
    print(json.dumps(experiment(RunDirectory(Path(folder)), int(number), int(seed))))
