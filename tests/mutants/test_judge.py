"""Only an assertion counts as noticing a defect."""

import subprocess
import sys

from lib.cli import ROOT

# A process of its own: what a fork of this one, with its threads, would do is nobody's business.
PROGRAM = """
import sys
from pathlib import Path
from tests.mutants.judge import judge
root = Path(sys.argv[1])
def word(node):
    outcome = judge(root, [f"tests/test_toy.py{node}"])
    return "good" if outcome.is_good else "killed" if outcome.is_killed else "accident"
names = ("good", "false", "no_raise", "error", "fixture", "missing")
print(*(word(f"::test_{name}") for name in names))
(root / "lib/toy.py").write_text("VALUE = 2\\n")
print(word("::test_good"))
(root / "lib/toy.py").write_text("VALUE = \\n")
print(word("::test_good"))
"""

TESTS = """
import pytest
from lib.toy import VALUE

@pytest.fixture
def broken():
    raise AssertionError

def test_good():
    assert VALUE == 1

def test_false():
    assert VALUE == 2

def test_no_raise():
    with pytest.raises(ValueError):
        pass

def test_error():
    raise RuntimeError

def test_fixture(broken):
    pass
"""


def test_assertions_are_told_from_accidents(tmp_path):
    for room in ("lib", "tests"):
        (tmp_path / room).mkdir()
    (tmp_path / "lib" / "toy.py").write_text("VALUE = 1\n")
    (tmp_path / "tests" / "test_toy.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "good killed killed accident accident accident",
        "killed",
        "accident",
    ], done.stdout + done.stderr
