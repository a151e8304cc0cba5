"""A small matrix whose runs have ended, without a training."""

import pytest

from lib.cli import ROOT
from lib.kconfig import load_tree, override_layer, read_layer
from lib.runs import run_name
from scripts.matrix.plan import plan

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def planned(tmp_path):
    """planned(results=...): the plan of the smoke configuration with its runs below a folder."""

    def make(results=tmp_path / "results"):
        layers = [
            read_layer(ROOT / "defconfigs" / "smoke", "smoke"),
            override_layer([("RESULTS_DIR", str(results))]),
        ]
        return plan(load_tree(ROOT).resolve(layers))

    return make


def end(directory, config_hash, loss=2.5, status="done", **git):
    """Give a planned run the files of one that has ended."""
    directory.begin_attempt(
        {
            "run": directory.name,
            "config_hash": config_hash,
            "git": {"sha": COMMIT, "dirty": False, "diff_hash": None} | git,
            "versions": {"torch": "2.13.0+cpu", "python": "3.11.7"},
            "hardware": {
                "device": "cpu",
                "device_name": "AMD EPYC",
                "threads": 1,
                "details": {"cpu_instructions": "AVX512"},
            },
        }
    )
    directory.end_attempt(status)
    directory.write_summary(
        {
            "run": directory.name,
            "config_hash": config_hash,
            "status": status,
            "val_loss": loss,
            "val_perplexity": 12.0,
            "steps": 30,
            "tokens": 1000,
        }
    )


@pytest.fixture
def ended(planned):
    """ended(**git): the plan, every run of it done; runs lose a thousandth each."""

    def make(**git):
        the_plan = planned()
        the_plan.write()
        for number, run in enumerate(the_plan.runs):
            end(run.directory, run.run.hash, 2.1 + number / 1000, **git)
        return the_plan

    return make


def names(the_plan):
    return [run_name(run.run.configuration.typed()) for run in the_plan.runs]
