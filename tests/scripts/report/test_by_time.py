"""Runs that a time ends: ranked among themselves on one machine, and never with others."""

import pytest

from scripts.report import scoreboard_text, write_report
from scripts.report.checklist import checklist
from scripts.report.columns import LOSS
from scripts.report.comparable import conditions
from scripts.report.load import load_matrix
from scripts.report.scoreboard import Scoreboard
from scripts.report.verdict import verdict


@pytest.fixture
def timed(grid):
    """timed(): a grid of three seeds, whose arms saw different numbers of tokens."""

    def make():
        specs = grid(3)
        for item in specs:
            item.summary |= {"budget": {"seconds": 60.0, "most_steps": None}}
            item.steps = 280 if item.method != "none" else 300
        return specs

    return make


@pytest.fixture
def board(results, timed):
    return Scoreboard(load_matrix(results.matrix(timed())))


def overlapping(specs):
    for item in specs:
        item.provenance |= {
            "attempts": [{"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}]
        }
    return specs


def test_equal_seconds_on_one_machine_are_one_budget_whatever_the_tokens(board, results):
    assert board.is_by_time
    assert board.is_one_budget
    assert len(board.budgets) == 2
    assert board.is_ranked(LOSS)
    assert any(board.is_best(row, LOSS) for row in board.rows)
    assert all(row.cells["difference"].n == 3 for row in board.rows if not row.is_baseline)
    assert "tokens" in [column.key for column in board.columns]


def test_the_page_and_the_terminal_state_the_time(results, timed):
    folder = results.matrix(timed())
    text = scoreboard_text(folder, None)
    assert "budget: 60 s of training per run, for 573,440 to 614,400 tokens" in text
    page = write_report(folder).read_text()
    assert "Budget: 60 s of training per run on one machine, for 573,440 to 614,400" in page
    found = verdict(Scoreboard(load_matrix(folder)))
    assert "Every finished run had 60 s of training" in " ".join(found.paragraphs)
    assert not any("differ" in caution for caution in found.cautions)
    assert "budget.seconds" in (folder / "report" / "summary.csv").read_text().split("\n")[0]


@pytest.mark.parametrize("what", ["machine", "seconds", "overlap", "steps"])
def test_other_hardware_other_seconds_and_a_shared_machine_are_not_ranked(results, timed, what):
    specs = timed()
    if what == "machine":
        for item in specs[:3]:
            item.provenance |= {"hardware.fingerprint": "ffff"}
    elif what == "seconds":
        for item in specs[:3]:
            item.summary |= {"budget": {"seconds": 61.0, "most_steps": None}}
    elif what == "steps":
        for item in specs[:3]:
            item.summary |= {"budget": {"seconds": 60.0, "most_steps": 500}}
    else:
        overlapping(specs)
    folder = results.matrix(specs)
    board = Scoreboard(load_matrix(folder))
    assert not board.is_one_budget
    assert not any(board.is_best(row, column) for row in board.rows for column in board.columns)
    assert "MACHINES OR TIMES DIFFER" in scoreboard_text(folder, None)
    assert "arms are not compared" in verdict(board).headline
    point = next(point for point in checklist(board) if point.name == "Budgets")
    assert (point.is_met, "seconds on one machine" in point.remark) == (False, True)
    if what != "seconds" and what != "steps":
        assert all(row.cells["difference"].n == 0 for row in board.rows)


def test_overlapping_runs_of_so_many_tokens_are_still_compared(results, grid):
    board = Scoreboard(load_matrix(results.matrix(overlapping(grid(3)))))
    assert board.is_one_budget
    assert board.is_ranked(LOSS)


def test_a_run_by_time_is_never_under_the_conditions_of_one_by_steps(results, spec):
    by_time = spec(summary={"budget": {"seconds": 60.0, "most_steps": None}})
    matrix = load_matrix(results.matrix([spec(seed=1), by_time]))
    first, second = matrix.runs
    assert first.number("tokens") == second.number("tokens")
    assert conditions(first) != conditions(second)
