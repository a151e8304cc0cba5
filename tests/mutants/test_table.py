"""The table of mutants still names the code and the tests that are there."""

import ast
from functools import cache

import pytest

from lib.cli import ROOT
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.table import MUTANTS


@cache
def functions_of(path):
    """Names of the test functions of a file, those of classes as Class::name."""
    names = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{inner.name}" for inner in node.body if is_test(inner)}
        elif is_test(node):
            names.add(node.name)
    return names


def is_test(node):
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mechanism)
def test_the_original_is_there_once_and_the_test_exists(mutant):
    mutant.check(ROOT)
    assert mutant.replacement != mutant.original
    path, name = mutant.test.split("::", 1)
    assert name.partition("[")[0] in functions_of(path)


def test_mechanisms_are_named_once():
    names = [mutant.mechanism for mutant in MUTANTS]
    assert len(set(names)) == len(names)


def test_a_mutant_changes_its_text_and_a_stale_one_names_itself(tmp_path):
    mutant = Mutant("m", "d", "lib/a.py", "x = 1", "x = 2", "tests/test_a.py::test_a")
    assert mutant.applied("x = 1\ny = 1\n") == "x = 2\ny = 1\n"
    for text, found in (("y = 1", 0), ("x = 1\nx = 1", 2)):
        with pytest.raises(Stale, match=f"mutant 'm' is stale: .* {found} times in lib/a.py"):
            mutant.applied(text)
    with pytest.raises(Stale, match="there is no lib/a.py any more"):
        mutant.check(tmp_path)
