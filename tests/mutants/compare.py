"""Mutants of `make compare`: what is not comparable must not be ranked, and nothing made up."""

from tests.mutants.mutant import Mutant

PACKAGE = "scripts/report/compare"
TESTS = "tests/scripts/report/compare"

COMPARE = (
    Mutant(
        mechanism="compare: the best is what the column calls better",
        defect="always the largest value",
        file=f"{PACKAGE}/comparison.py",
        original="key=lambda value: column.better * value",
        replacement="key=lambda value: value",
        test=f"{TESTS}/test_comparison.py::"
        "test_the_best_is_the_lowest_or_the_highest_as_the_column_wants",
    ),
    Mutant(
        mechanism="compare: unequal tokens, data or evaluation are not ranked",
        defect="a run that saw more has the best loss",
        file="scripts/report/comparable.py",
        original="if column.kind == FACT or not self.is_one_budget:",
        replacement="if column.kind == FACT:",
        test=f"{TESTS}/test_comparison.py::test_what_runs_differ_in_is_said_and_not_ranked",
    ),
    Mutant(
        mechanism="compare: time and memory only in one arithmetic",
        defect="bfloat16 is the fastest architecture",
        file=f"{PACKAGE}/comparison.py",
        original=" and (column.kind == QUALITY or self._is_one_arithmetic)",
        replacement="",
        test=f"{TESTS}/test_comparison.py::test_what_runs_differ_in_is_said_and_not_ranked",
    ),
    Mutant(
        mechanism="compare: a run that did not reach its end has no numbers",
        defect="half-way numbers stand beside final ones",
        file=f"{PACKAGE}/comparison.py",
        original="return column.read(run) if run.is_done or column.kind == FACT else None",
        replacement="return column.read(run)",
        test=f"{TESTS}/test_comparison.py::test_a_run_that_did_not_reach_its_end_is_a_row_of_facts",
    ),
    Mutant(
        mechanism="compare: the latest are those that ended last",
        defect="those whose names sort last",
        file=f"{PACKAGE}/chosen.py",
        original="key=_end)",
        replacement="key=lambda run: run.name)",
        test=f"{TESTS}/test_chosen.py::test_the_latest_are_those_that_ended_last_oldest_first",
    ),
    Mutant(
        mechanism="compare: a run has to have ended",
        defect="one that runs is taken for a result",
        file=f"{PACKAGE}/chosen.py",
        original="        if run.summary() is None:\n            # Refuses",
        replacement="        if False:\n            # Refuses",
        test=f"{TESTS}/test_chosen.py::test_a_run_that_has_not_ended_says_its_state",
    ),
    Mutant(
        mechanism="compare: a narrow terminal shows every column",
        defect="columns that do not fit are left out",
        file="scripts/report/terminal.py",
        original="parts.append([head, column])",
        replacement="continue",
        test=f"{TESTS}/test_text.py::test_nothing_is_wider_than_the_terminal_and_nothing_is_lost",
    ),
    Mutant(
        mechanism="pages: text of the files stays text",
        defect="a name is markup",
        file="scripts/report/rendering.py",
        original="autoescape=True",
        replacement="autoescape=False",
        test=f"{TESTS}/test_page.py::test_hostile_text_stays_text",
    ),
)
