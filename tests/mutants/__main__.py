"""`make check-mutants`: put each known defect into a copy of the code; its test must notice.

A convergence test cannot see that a mechanism is missing. So for every mechanism the table names
the test that does, and this proves it: with the mechanism the test passes, without it the test
fails by an assertion, and not by an error of import or collection, which would prove nothing.
"""

import argparse
import importlib
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pytest

from lib.cli import ROOT, guarded
from lib.cpu import affinity
from tests.mutants.judge import Outcome, judge
from tests.mutants.mutant import Mutant
from tests.mutants.table import MUTANTS

COPIED = ("lib", "gpt2", "scripts", "tests", "defconfigs", "Kconfig", "pyproject.toml", "Makefile")
COPIED += ("requirements.txt", "requirements-trackers.txt")
# What every child would otherwise import again; nothing of the project.
SLOW_IMPORTS = ("torch", "torch._dynamo", "hypothesis.strategies", "numpy", "kconfiglib")
SURVIVED = 1
# Tests that pass, judged by one child: few enough for its time, many enough to share its imports.
BATCH = 40

copy: Path
"""A worker's own copy of the project."""


def copy_project(root: Path, target: Path) -> None:
    """What tests read, without what other programs left there."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", ".hypothesis")
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            shutil.copy(source, target / name)


def prepare() -> None:
    """Import what is slow, once, and make property tests quick to fail and repeatable."""
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    import torch
    from hypothesis import Phase, settings

    # A thread of the parent would not exist in its forks.
    torch.set_num_threads(1)
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("mutants", derandomize=True, database=None, phases=phases)
    settings.load_profile("mutants")


def begin_worker(folder: str) -> None:
    """Give this process its own copy of the project."""
    global copy
    copy = Path(tempfile.mkdtemp(dir=folder)).resolve()
    copy_project(ROOT, copy)


def healthy(nodes: list[str]) -> Outcome:
    """Run tests without a mutant."""
    return judge(copy, nodes)


def verdict(mutant: Mutant) -> tuple[str, Outcome, float]:
    """Apply the mutant to the copy, run its test, take the mutant out again; with the seconds."""
    start = time.perf_counter()
    path = copy / mutant.file
    text = path.read_text("utf-8")
    path.write_text(mutant.applied(text), "utf-8")
    try:
        outcome = judge(copy, [mutant.test])
    finally:
        path.write_text(text, "utf-8")
    word = "killed"
    if not outcome.is_killed:
        word = "SURVIVED" if outcome.passed and not outcome.accidents else "ACCIDENT"
    return word, outcome, time.perf_counter() - start


def judge_all(mutants: Sequence[Mutant], pool: ProcessPoolExecutor) -> int:
    """Print a line a mutant as they are judged; returns how many no test noticed."""
    start = time.perf_counter()
    nodes = list(dict.fromkeys(mutant.test for mutant in mutants))
    for outcome in pool.map(healthy, batches(nodes, BATCH)):
        if not outcome.is_good:
            print(outcome.output)
            raise ValueError("these tests must pass before they can judge a mutant; mend them")
    print(f"{time.perf_counter() - start:6.1f} s  every named test passes without a mutant")
    bad = 0
    judged = {pool.submit(verdict, mutant): mutant for mutant in mutants}
    for future in as_completed(judged):
        mutant = judged[future]
        word, outcome, taken_s = future.result()
        print(f"{taken_s:6.1f} s  {word}: {mutant.mechanism}", flush=True)
        if word != "killed":
            bad += 1
            print(f"{mutant.file}: {mutant.defect}\n{mutant.test}\n{outcome.output}")
    return bad


def batches(nodes: list[str], size: int) -> list[list[str]]:
    """The nodes in order, in lists of at most `size`."""
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make check-mutants", description=__doc__)
    parser.add_argument("text", nargs="?", default="", help="only mutants whose line contains it")
    wanted = parser.parse_args(arguments).text.lower()
    mutants = [m for m in MUTANTS if wanted in f"{m.mechanism} {m.file} {m.test}".lower()]
    if not mutants:
        raise ValueError(f"no mutant mentions '{wanted}'; see the table in docs/testing.md")
    for mutant in mutants:
        mutant.check(ROOT)
    prepare()
    # Forks, of a process that has imported what is slow; one more than there are processors,
    # because many tests wait for a process that they have started.
    context = multiprocessing.get_context("fork")
    workers = min(1 + len(affinity()), len(mutants))
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ProcessPoolExecutor(workers, context, begin_worker, (folder,)) as pool,
    ):
        bad = judge_all(mutants, pool)
    print(f"{len(mutants) - bad} of {len(mutants)} mutants killed")
    return SURVIVED if bad else 0


if __name__ == "__main__":
    assert pytest.version_tuple >= (8,)
    sys.exit(guarded(main, sys.argv[1:]))
