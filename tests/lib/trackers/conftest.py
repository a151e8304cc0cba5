import dataclasses
import json
import os
import subprocess
import sys

import pytest

from lib.arms import settings_of
from lib.cli import ROOT
from lib.kconfig import override_layer, read_layer
from lib.metrics import MetricsWriter
from lib.runs import RunDirectory
from lib.trackers.feed import Feed
from lib.trackers.lane import Lane
from lib.trackers.protocol import Job
from tests.gpt2.training import train_here

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


# Every kind of row that a run of one device and any data writes; samples of few tokens, because
# they are only to be seen.
EVERY_KIND = {
    "OPTIMIZER": "adamw",
    "PRUNING_METHOD": "magnitude",
    "LOG_INTERVAL": 1,
    "EVAL_INTERVAL": 10,
    "CHECKPOINT_INTERVAL": 5,
    "GRADIENT_MONITOR": "y",
    "GRADIENT_INTERVAL": 10,
    "GRADIENT_HISTOGRAM": "y",
    "PARAMETER_HISTOGRAM": "y",
    "SPIKE_INJECTION": "y",
    "SPIKE_FIRST_STEP": 6,
    "SPIKE_INTERVAL": 10,
    "SAMPLE_INTERVAL": 10,
    "GENERATION_MAX_TOKENS": 16,
    "DATASET": "custom",
    "CUSTOM_TOKENIZER": "bytes",
}


@pytest.fixture(scope="session")
def real_rows(tree, data_dir, tmp_path_factory):
    """What a run of 20 steps wrote into its metrics.jsonl, in the order of the file.

    Made-up rows show what the tests expect of a run; only a run shows what it writes.
    """
    folder = tmp_path_factory.mktemp("tracked")
    text = folder / "counting.txt"
    text.write_text("".join(f"<{n}> & <{n + 1}> make {2 * n + 1}.\n" for n in range(2500)))
    places = {"RESULTS_DIR": folder, "DATA_DIR": data_dir, "CUSTOM_PATH": text, "CPU_THREADS": 1}
    pairs = [(name, str(value)) for name, value in (EVERY_KIND | places).items()]
    smoke = read_layer(ROOT / "defconfigs" / "smoke", "smoke")
    run = RunDirectory(folder / "run")
    run.path.mkdir()
    train_here(run, settings_of(tree.resolve([smoke, override_layer(pairs)])))
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


@pytest.fixture
def rows(real_rows):
    return list(real_rows)


@pytest.fixture
def until():
    """until(rows, step): those of no later step."""
    return lambda rows, step: [row for row in rows if row["step"] <= step]


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
