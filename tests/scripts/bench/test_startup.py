"""The cost of a run beside its training, from real processes."""

import sys

import pytest

from scripts.bench import startup
from scripts.bench.startup import Times, imports_torch


def test_what_is_left_of_a_run():
    parts = {"import_torch": 1.0, "checkpoint": 0.2}
    times = Times(wall=9.0, train=4.0, evaluate=2.0, **parts)
    assert times.harness == 2.0


@pytest.mark.parametrize(
    ("code", "brings"),
    [("import torch.nn", True), ("import json", False), ("print('| torch')", False)],
)
def test_an_import_of_torch_is_found(code, brings):
    assert imports_torch([sys.executable, "-c", code], {}) is brings


def test_make_alone_brings_no_torch():
    assert imports_torch(["make", "help"], {}) is False


def test_a_command_that_fails_is_a_sentence():
    words = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(ValueError, match=r"ended with 1 and said: no such thing\. Nothing was"):
        startup._process(words)


def test_what_make_hands_on_stays_here(monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "-j4")
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "DEVICE")
    code = (
        "import os; print([n for n in ('MAKEFLAGS', 'BITTERBENCH_OVERRIDES') if n in os.environ])"
    )
    assert startup._process([sys.executable, "-c", code])[1] == "[]\n"


@pytest.mark.slow
def test_a_run_and_every_command(context):
    section = startup.measure(context(CPU_THREADS=1))
    by_name = {finding.what: finding for finding in section.findings}
    whole = float(by_name["the whole run, s"].ours)
    parts = ("`import torch`, s", "training, s", "evaluation, s")
    left = float(by_name["a run beyond `import torch`, training and evaluation, s"].ours)
    assert left == pytest.approx(whole - sum(float(by_name[part].ours) for part in parts), abs=0.01)
    assert left > 0
    for name in ("make help", "make olddefconfig", "make explain-MAX_ITERS", "make status"):
        # Whether they are quick depends on the machine; that they bring no torch does not.
        assert by_name[f"{name}, s"].verdict != "missed: imports torch", name
    assert by_name["a run that is done, s"].verdict is None
