import pytest

from lib.optimizers import OPTIMIZERS
from tests.lib.optimizers.problems import PROBLEMS, solve

# One that stands on a base is that base, bit for bit.
NAMES = [name for name, entry in OPTIMIZERS.items() if entry.base_symbol is None]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name.replace(" ", "-"))
def test_who_solves_it_and_who_is_known_to_fail(problem, name):
    assert problem.is_solved(solve(problem, name)) == (name not in problem.fails)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name.replace(" ", "-"))
def test_no_problem_is_solved_before_it_begins(problem):
    assert not problem.is_solved(problem.start)
    assert set(problem.fails) <= set(NAMES)
