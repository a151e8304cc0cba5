"""Runs tests in a child process and says how they ended: by an assertion, or by an accident.

The parent has imported what is slow to import (torch, pytest) and nothing of the project; each
child is a fork of it that imports the project afresh. So a mutant costs its test and no start-up.
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOMS = ("lib", "gpt2", "scripts", "tests")
LONGEST_S = 120
ASSERTIONS = (AssertionError, pytest.fail.Exception)


@dataclass
class Outcome:
    """How the tests of one child ended; each entry is "node: message"."""

    passed: list[str] = field(default_factory=list)
    assertions: list[str] = field(default_factory=list)
    """Failures that a test asked for."""
    accidents: list[str] = field(default_factory=list)
    """Everything else: errors of import, collection, set-up; other exceptions; a dead child."""
    output: str = ""

    @property
    def is_killed(self) -> bool:
        """Whether a test noticed the defect."""
        return bool(self.assertions)

    @property
    def is_good(self) -> bool:
        """Whether everything passed, and there was something to pass."""
        return bool(self.passed) and not self.assertions and not self.accidents


class Watcher:
    """Pytest plugin: sorts what happens into an Outcome."""

    def __init__(self) -> None:
        self.outcome = Outcome()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        report = yield
        if report.passed and report.when == "call":
            self.outcome.passed.append(item.nodeid)
        elif report.failed:
            error = call.excinfo.value
            is_assertion = report.when == "call" and _is_assertion(error)
            entries = self.outcome.assertions if is_assertion else self.outcome.accidents
            entries.append(f"{item.nodeid}: {type(error).__name__}: {error}")
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcome.accidents.append(f"{report.nodeid}: {report.longreprtext}")


def _is_assertion(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_assertion(part) for part in error.exceptions)
    return isinstance(error, ASSERTIONS)


def judge(root: Path, nodes: list[str]) -> Outcome:
    """Run the pytest nodes in a fork whose project is the one below `root`."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.close(read_end)
            _be_the_child(root, nodes, write_end, output.fileno())
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if said:
        return Outcome(**json.loads(said), output=text)
    return Outcome(accidents=[f"the child ended with status {status}"], output=text)


def _be_the_child(root: Path, nodes: list[str], pipe: int, output: int) -> None:
    """Run the tests, write what came of it to the pipe, and never return."""
    try:
        signal.alarm(LONGEST_S)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(root)
        # Nothing of the parent's project may answer an import.
        for name in list(sys.modules):
            if name.partition(".")[0] in ROOMS:
                del sys.modules[name]
        sys.path[:] = [p for p in sys.path if not (Path(p or ".") / "tests" / "mutants").is_dir()]
        # A stale byte code of the same second and size would hide the mutant.
        sys.dont_write_bytecode = True
        watcher = Watcher()
        options = ["-p", "no:cacheprovider", "--assert=plain", "--tb=short", f"--rootdir={root}"]
        status = pytest.main([*options, *nodes], plugins=[watcher])
        outcome = watcher.outcome
        if not (outcome.passed or outcome.assertions or outcome.accidents):
            outcome.accidents.append(f"no test ran (pytest ended with {status!s})")
        report = {key: getattr(outcome, key) for key in ("passed", "assertions", "accidents")}
        with os.fdopen(pipe, "w", encoding="utf-8") as file:
            json.dump(report, file)
    except BaseException:
        # Not re-raised: above this frame is a copy of the parent, which must not go on twice.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(0)
