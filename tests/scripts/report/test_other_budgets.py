"""Runs of another budget: in a table of their own, and nowhere else."""

import csv
import math

import pytest

from scripts.report import scoreboard_text, write_report
from scripts.report.checklist import checklist
from scripts.report.load import load_matrix
from scripts.report.pictures import draw_all
from scripts.report.scoreboard import Scoreboard
from scripts.report.verdict import verdict

OTHERS = {"baselines": {"+21%steps": "adamw+21%steps"}, "budget": ""}


@pytest.fixture
def folder(results, longer):
    return results.matrix(longer(3), **OTHERS)


@pytest.fixture
def board(folder):
    return Scoreboard(load_matrix(folder))


def test_the_main_board_is_what_it_would_be_without_them(board, results, grid, tmp_path):
    alone = Scoreboard(load_matrix(type(results)(tmp_path / "alone").matrix(grid(3))))
    assert [row.arm for row in board.rows] == [row.arm for row in alone.rows]
    for row, same in zip(board.rows, alone.rows, strict=True):
        assert row.cells == same.cells
        for column in board.columns:
            other = next(c for c in alone.columns if c.key == column.key)
            assert board.is_best(row, column) == alone.is_best(same, other)
    assert board.is_one_budget
    assert board.budgets == alone.budgets
    assert verdict(board).headline == verdict(alone).headline
    assert verdict(board).paragraphs == verdict(alone).paragraphs


def test_each_other_budget_has_its_own_baseline_and_no_best(board):
    (other,) = board.others
    assert other.budget == "+21%steps"
    assert other.others == []
    assert [row.arm for row in other.rows] == [
        "adamw+21%steps",
        "adamw+magnitude@50%+21%steps",
        "adamwprune+bitter2@50%+21%steps",
    ]
    assert other.baseline.arm == "adamw+21%steps"
    gap = other.rows[2].cells["difference"]
    assert gap.n == 3
    assert gap.mean == pytest.approx(0.02, abs=0.005)
    assert not any(other.is_best(row, column) for row in other.rows for column in other.columns)


def test_the_verdict_warns_and_does_not_speak_of_them(board):
    found = verdict(board)
    assert any("Not the same budget: 9 runs with +21%steps" in text for text in found.cautions)
    assert "%steps" not in " ".join([found.headline, *found.paragraphs])


def test_figures_and_checklist_speak_of_the_plan_s_budget(board):
    pictures = draw_all(board)
    assert "Arms of another budget are not drawn." in " ".join(pictures["curves"].notes)
    assert next(point for point in checklist(board) if point.name == "Budgets").is_met


def test_the_text_says_so_above_their_rows(folder):
    text = scoreboard_text(folder, 160)
    main, _, apart = text.partition("NOT THE SAME BUDGET (+21%steps: 743,424 tokens per run)")
    assert "%steps" not in main
    assert "compared among themselves only" in apart
    assert "adamwprune+bitter2@50%+21%steps" in apart
    assert "differences are to adamw+21%steps" in apart
    assert "BUDGETS DIFFER" not in text
    # Each table has its own heading; a note that stands already is not said again.
    assert text.count("method ") == 2
    assert text.count("# masked-dense") == 1


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_text_fits_every_terminal(folder, width):
    lines = scoreboard_text(folder, width).splitlines()
    assert max(map(len, lines)) <= width


def test_page_markdown_and_csv_say_so(folder):
    page = write_report(folder).read_text()
    head, _, rest = page.partition("Not the same budget: <span")
    table = head[head.index('id="scoreboard"') :]
    assert "%steps" not in table
    assert rest.index("adamwprune+<wbr>bitter2@50%+<wbr>21%steps") < rest.index('id="curves"')
    markdown = (folder / "report" / "report.md").read_text()
    scoreboard = markdown[markdown.index("## Scoreboard") : markdown.index("## Figures")]
    main, _, apart = scoreboard.partition("### Not the same budget: +21%steps")
    assert "%steps" not in main
    assert "| adamwprune+bitter2@50%+21%steps |" in apart
    with open(folder / "report" / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"]: row["budget"] for row in rows}["adamw"] == "the plan's"
    longer = [row for row in rows if row["budget"] == "not the same: +21%steps"]
    assert len(longer) == 9


def test_more_for_all_arms_is_one_board(results, longer):
    specs = [spec for spec in longer(1) if spec.budget]
    folder = results.matrix(specs, baseline="adamw+21%steps", budget="+21%steps")
    board = Scoreboard(load_matrix(folder))
    assert len(board.rows) == 3
    assert board.others == []
    assert board.baseline.arm == "adamw+21%steps"


def test_without_a_finished_baseline_there_is_no_difference(results, longer):
    specs = longer(1)
    for item in specs:
        if item.arm == "adamw+21%steps":
            item.status = "failed"
    (other,) = Scoreboard(load_matrix(results.matrix(specs, **OTHERS))).others
    assert other.rows[1].cells["difference"].n == 0


def test_injected_spikes_are_a_caution(results, spec):
    disturbed = {"spikes": {"factor": 1000.0, "injected": 3}}
    control = {"spikes": {"factor": 1.0, "injected": 3}}
    arms = {"adamw": disturbed, "adamwprune": disturbed, "adamw+magnitude@50%": control}
    specs = [spec(arm, summary=spikes) for arm, spikes in arms.items()]
    cautions = verdict(Scoreboard(load_matrix(results.matrix(specs)))).cautions
    assert any("injected in 2 runs (one micro-batch times 1000)" in text for text in cautions)


def test_kept_scores_are_shown_where_a_method_keeps_some(results, grid):
    specs = grid(1)
    board = Scoreboard(load_matrix(results.matrix(specs)))
    assert "scores" not in {column.key for column in board.columns}
    specs[2].summary = {"memory.score_bytes": 4 << 20}
    board = Scoreboard(load_matrix(results.matrix(specs)))
    scores = next(column for column in board.columns if column.key == "scores")
    means = {row.arm: row.mean("scores") for row in board.rows}
    # A summary without the field is of an earlier form: not measured, never 0.
    assert means["adamw"] is None
    assert means["adamw+magnitude@50%"] == 4 << 20
    assert scores.format(4 << 20) == "4.000"
    assert not math.isnan(means["adamw+magnitude@50%"])
