"""SIGKILL at any moment: the same command goes on, and ends with the bits of a straight run."""

import json
import os
import subprocess
import sys

import pytest

from lib.cli import ROOT
from lib.runs import RunDirectory

pytestmark = pytest.mark.slow

KILLS = 100
INTERVAL = 4


@pytest.fixture(scope="module")
def experiment(tree, tmp_path_factory):
    """The result of kill_many.py: it forks, which a process with other tests' threads must not."""
    from lib.kconfig import override_layer, read_layer

    folder = tmp_path_factory.mktemp("kills")
    text = folder / "text.txt"
    text.write_text("".join(f"{n} and {n + 1} make {2 * n + 1}.\n" for n in range(4000)))
    values = {
        "RESULTS_DIR": folder / "results",
        "DATA_DIR": folder / "data",
        "DATASET": "custom",
        "CUSTOM_PATH": text,
        "CUSTOM_TOKENIZER": "bytes",
        "OPTIMIZER": "adamw",
        "PRUNING_METHOD": "magnitude",
        "DROPOUT": "0.1",
        "GRADIENT_ACCUMULATION": 2,
        "MAX_ITERS": 40,
        "CPU_THREADS": 1,
        "LOG_INTERVAL": 1,
        # Evaluations and saves take about as long as the training, so that kills hit them too.
        "EVAL_INTERVAL": 6,
        "EVAL_SAMPLES": 0,
        "CHECKPOINT_INTERVAL": INTERVAL,
        "CHECKPOINT_KEEP": 3,
    }
    smoke = read_layer(ROOT / "defconfigs" / "smoke", "smoke")
    overrides = override_layer([(name, str(value)) for name, value in values.items()])
    configuration = tree.resolve([smoke, overrides])
    run = RunDirectory.of(folder / "results", configuration.typed())
    run.freeze(configuration)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/faults/kill_many.py"), str(run.path), str(KILLS), "7"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    kills = len(result["kills"])
    print(f"{kills} kills of {result['runs']} runs of {result['whole_s']:.1f} s")
    return result


def test_every_one_ends_with_the_bits_of_the_straight_run(experiment):
    assert len(experiment["kills"]) >= KILLS
    assert {kill["hash"] for kill in experiment["kills"]} == {experiment["straight"]}


def test_and_with_its_rows(experiment):
    assert all(kill["same_rows"] for kill in experiment["kills"])


def test_no_more_is_lost_than_the_steps_since_the_last_save(experiment):
    """The last save may still be under way: then it is the one before it."""
    lost = sorted(kill["seen_step"] - kill["saved_step"] for kill in experiment["kills"])
    print(f"lost steps: median {lost[len(lost) // 2]}, worst {lost[-1]}")
    assert lost[-1] <= 2 * INTERVAL


def test_they_hit_saves_and_evaluations_too(experiment):
    """Else the others would prove little."""
    for where in ("in_a_save", "in_an_evaluation"):
        hits = sum(kill[where] for kill in experiment["kills"])
        print(where, hits)
        assert hits > 0
