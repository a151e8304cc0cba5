import dataclasses
import json
import os
import subprocess
import sys

import pytest

from lib.cli import ROOT
from lib.metrics import MetricsWriter
from lib.trackers.feed import Feed
from lib.trackers.lane import Lane
from lib.trackers.protocol import Job

FAKES = "tests.lib.trackers.fakes"


@pytest.fixture
def job(tmp_path):
    """A run without rows yet."""
    folder = tmp_path / "results" / "runs" / "custom-pystdlib-adamw-s1337-0123abcd"
    folder.mkdir(parents=True)
    return Job(
        run=folder.name,
        id=folder.name,
        arm="adamw",
        folder=folder,
        results=tmp_path / "results",
        metrics=folder / "metrics.jsonl",
        started_s=1_700_000_000.0,
        project="bitterbench-tests",
        entity="",
        is_offline=False,
        settings={"OPTIMIZER": "adamw", "MAX_ITERS": 20, "LEARNING_RATE": 6e-4, "BIAS": True},
    )


@pytest.fixture
def rows():
    """What a run of 20 steps with an evaluation, a prune event, histograms and a text writes."""
    found = []
    for step in range(1, 21):
        where = {"step": step, "tokens": 128 * step, "time_s": 0.25 * step}
        found.append(
            {
                "kind": "train",
                **where,
                "loss": 3.0 / step,
                "gradient_norm": 1.5,
                "clipped": 0.5,
                "learning_rate": 6e-4 if step < 20 else None,
                "tokens_per_s": 1000.0 + step,
                "step_ms": 12.5,
            }
        )
        if step % 10 == 0:
            found.append(
                {
                    "kind": "eval",
                    **where,
                    "split": "validation",
                    "loss": 2.0 / step,
                    "perplexity": 7.5,
                    "is_full_split": step == 20,
                }
            )
    middle = {"step": 20, "tokens": 2560, "time_s": 5.0}
    per_tensor = {"h.0.attn.weight": 0.5, "h.0.mlp.weight": 0.25}
    histogram = {"counts": [1, 5, 2], "edges": [-1.0, 0.0, 0.5, 2.0]}
    found += [
        {"kind": "prune", **middle, "achieved": 0.5, "target": 0.5, "per_tensor": per_tensor},
        {"kind": "gradients", **middle, "histogram": histogram, "layer_norms": [0.1, 0.2]},
        {"kind": "sample", **middle, "prompt": "To", "text": "To be <or> not\nto be"},
    ]
    return found


@pytest.fixture
def write(job):
    """write(rows, resume_step=0): what a start of the run does to metrics.jsonl."""

    def go(rows, resume_step=0):
        with MetricsWriter(job.metrics, resume_step) as writer:
            for row in rows:
                if row["step"] > resume_step:
                    writer.row(**row)

    return go


class Said(list):
    """The sentences that the run's log got."""

    def only(self):
        assert len(self) == 1, self
        return self[0]


@pytest.fixture
def said():
    return Said()


@pytest.fixture
def fakes(job, said, unhurried):
    """fakes("raise at row", ...): a feed of trackers a, b, ... that behave so."""

    started = []

    def start(*behaviours):
        lanes = []
        for name, behaviour in zip("abcdef", behaviours, strict=False):
            settings = {"BEHAVIOUR": behaviour, "NAME": name}
            lanes.append(Lane(name, FAKES, dataclasses.replace(job, settings=settings)))
        started.extend(lanes)
        return Feed(lanes, said.append)

    yield start
    # Also where the test has failed before it closed the feed.
    for each in started:
        each.end()


@pytest.fixture
def got(job):
    """got("a"): the rows that a fake was given, and its last word."""

    def read(name):
        lines = (job.folder / f"{name}.jsonl").read_text().splitlines()
        if lines and not lines[-1].startswith("{"):
            return [json.loads(line) for line in lines[:-1]], lines[-1]
        return [json.loads(line) for line in lines], None

    return read


@pytest.fixture
def processes(job):
    """processes(): those that have a file of the run open, apart from ours."""

    def find():
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            folder = f"/proc/{process}/fd"
            try:
                paths = [os.readlink(f"{folder}/{number}") for number in os.listdir(folder)]
            except OSError:
                # It has ended, which a zombie has too.
                continue
            if int(process) != os.getpid() and any(str(job.folder) in path for path in paths):
                found.append(int(process))
        return found

    return find


@pytest.fixture
def track(job, said, unhurried):
    """track("wandb", ...): send the rows that are in the file to real trackers, to the end."""
    from lib.trackers import TRACKERS

    def go(*names, succeeded=True, job=job):
        feed = Feed([Lane(name, TRACKERS[name].module, job) for name in names], said.append)
        feed.close(succeeded, patience_s=60)

    return go


@pytest.fixture
def read():
    """read("wandb", path, ...): what a tracker keeps, read with its own package by a child."""

    def go(what, *arguments):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tests.lib.trackers.readers", what, *map(str, arguments)],
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return go
