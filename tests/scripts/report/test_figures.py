import hashlib
import json
import math
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from scripts.report import appearance, figures
from scripts.report.curves import evaluation_curves, sparsity_curves
from scripts.report.load import load_matrix
from scripts.report.pictures import draw_all
from scripts.report.scoreboard import Scoreboard


def board_of(results, specs):
    return Scoreboard(load_matrix(results.matrix(specs)))


@pytest.fixture(scope="module")
def drawn(grid_of_two):
    """Drawn once: it takes a second."""
    return draw_all(Scoreboard(load_matrix(grid_of_two)))


def test_figures_of_a_matrix(drawn):
    assert list(drawn) == ["curves", "memory", "time", "sparsity"]
    for picture in drawn.values():
        for svg in (picture.wide, picture.narrow):
            assert len(svg) > 5000
            assert ElementTree.fromstring(svg).tag.endswith("svg")
            assert b"prefers-color-scheme:dark" in svg
            assert b"<dc:date>" not in svg


def test_figures_are_the_same_in_every_process(grid_of_two, drawn):
    code = (
        "import hashlib; from pathlib import Path; from scripts.report.load import load_matrix;"
        "from scripts.report.pictures import draw_all;"
        "from scripts.report.scoreboard import Scoreboard;"
        f"pictures = draw_all(Scoreboard(load_matrix(Path({str(grid_of_two)!r}))));"
        "print([hashlib.sha256(p.wide + p.narrow).hexdigest() for p in pictures.values()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = [hashlib.sha256(p.wide + p.narrow).hexdigest() for p in drawn.values()]
    assert done.stdout == f"{here}\n"


def test_nothing_measured_nothing_drawn(results, spec):
    assert draw_all(board_of(results, [])) == {}
    assert draw_all(board_of(results, [spec(status="failed", has_begun=False)])) == {}


def test_a_dense_matrix_has_no_figure_of_sparsity(results, spec):
    assert "sparsity" not in draw_all(board_of(results, [spec()]))


def test_missing_parts_are_said(results, spec):
    pictures = draw_all(board_of(results, [spec(summary={"memory.gradients_bytes": None})]))
    assert "not drawn apart: gradients" in " ".join(pictures["memory"].notes)


def test_a_single_evaluation_is_a_point_and_said(results, spec):
    folder = results.matrix([spec()])
    path = folder.parent.parent / spec().dir / "metrics.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    picture = draw_all(Scoreboard(load_matrix(folder)))["curves"]
    assert "A single evaluation" in " ".join(picture.notes)


def test_rows_of_metrics_without_values_are_left_out(results, spec):
    folder = results.matrix([spec(status="diverged")])
    path = folder.parent.parent / spec().dir / "metrics.jsonl"
    null = '{"kind": "eval", "step": 200, "tokens": 1, "time_s": 2.0, "perplexity": null}\n'
    path.write_text(path.read_text() + null + '{"kind": "eval", "step": 201}\n')
    (curve,) = evaluation_curves(load_matrix(folder).runs)
    assert curve.steps == (50, 100, 150)
    assert curve.is_diverged


def test_a_diverged_curve_ends_with_a_cross(results, spec):
    board = board_of(results, [spec(), spec("adamwprune", status="diverged", reason="nan")])
    looks = appearance.looks(board.matrix.arms, "adamw")
    lines = evaluation_curves(board.matrix.runs)
    figure = figures.perplexity_curves(lines, looks, narrow=False)
    crosses = [line for line in figure.axes[0].get_lines() if line.get_marker() == "X"]
    assert [tuple(line.get_xdata()) for line in crosses] == [(150,)]
    assert "cross" in " ".join(draw_all(board)["curves"].notes)


def test_the_whole_split_is_not_joined_to_a_part_of_it(results, spec):
    board = board_of(results, [spec()])
    looks = appearance.looks(board.matrix.arms, "adamw")
    figure = figures.perplexity_curves(evaluation_curves(board.matrix.runs), looks, narrow=False)
    line, point, *_ = figure.axes[0].get_lines()
    assert list(line.get_xdata()) == [50, 100, 150, 200, 250]
    assert list(point.get_xdata()) == [300]
    assert point.get_linestyle() == "None"


def test_the_line_ends_in_the_evaluation_of_a_sample_beside_the_last(results, spec):
    folder = results.matrix([spec()])
    path = folder.parent.parent / spec().dir / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    (last,) = (row for row in rows if row.get("is_full_split"))
    last |= {"sampled_loss": 2.0, "sampled_perplexity": math.exp(2.0)}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    board = Scoreboard(load_matrix(folder))
    looks = appearance.looks(board.matrix.arms, "adamw")
    figure = figures.perplexity_curves(evaluation_curves(board.matrix.runs), looks, narrow=False)
    line, point, *_ = figure.axes[0].get_lines()
    assert list(line.get_xdata()) == [50, 100, 150, 200, 250, 300]
    assert list(line.get_ydata())[-1] == math.exp(2.0)
    assert list(point.get_ydata()) == [last["perplexity"]]


def test_sparsity_joins_both_kinds_of_rows(results, spec):
    (curve,) = sparsity_curves(load_matrix(results.matrix([spec("adamw+magnitude@50%")])).runs)
    assert curve.prune_steps == (100, 150, 200)
    assert curve.realised_steps == (50, 100, 150, 200, 250, 300)
    assert curve.realised[-1] == 0.5


@pytest.mark.parametrize("count", [20, pytest.param(45, marks=pytest.mark.slow)])
def test_many_arms_warn_of_nothing_and_stay_small(results, grid, count):
    arms = {"adamw": 1.6} | {f"adamw+magnitude@{k}%": 1.6 + k / 900 for k in range(1, count)}
    pictures = draw_all(board_of(results, grid(1, arms)))
    assert max(len(picture.wide) for picture in pictures.values()) < 500_000
    notes = " ".join(pictures["curves"].notes)
    assert (f"40 of {count} arms are drawn" in notes) == (count > 40)


def test_every_arm_has_a_look_of_its_own(results, grid):
    arms = {"adamw": 1.6} | {f"adamw+magnitude@{k}%": 1.7 for k in range(1, 54)}
    matrix = load_matrix(results.matrix(grid(1, arms)))
    looks = appearance.looks(matrix.arms, "adamw")
    assert len(set(map(str, looks.values()))) == 54
    assert looks["adamw"].colour == appearance.BLACK
    assert looks == appearance.looks(matrix.arms, "adamw")


def test_dark_pages_find_every_colour_they_change(drawn):
    svg = drawn["memory"].wide.decode()
    body = svg.partition("</style>")[2]
    for colour in (appearance.INK, appearance.GRID, appearance.PAPER, appearance.REST):
        assert re.search(rf'style="[^"]*(fill|stroke): {colour}', body), colour


def test_rounding_leaves_transforms_alone(drawn):
    svg = drawn["memory"].wide.decode()
    assert "scale(0.015625)" in svg or re.search(r"scale\(0\.\d{3,}", svg)
    assert not re.search(r' d="[^"]*\.\d{3}', svg)
