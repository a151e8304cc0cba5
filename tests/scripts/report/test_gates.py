import pytest

from scripts.report import appearance, gate_figure
from scripts.report.gates import PANELS, awakenings, gate_curves, was_forced
from scripts.report.load import load_matrix
from scripts.report.pictures import draw_all
from scripts.report.scoreboard import Scoreboard

WOKEN = 75


def rows_of(kinds, steps=(50, 100, 150), seed=0):
    """Gates that are asleep up to WOKEN."""
    rows = []
    for step in steps:
        awake = 1.0 if step > WOKEN else 0.01
        common = {"step": step, "tokens": 0}
        for kind in kinds:
            value = {"mean": 0.1 * awake + 0.001 * seed, "min": 0.0, "max": 1.0}
            rows.append({"kind": kind, **common, "w_eff": value})
            rows.append({"kind": f"{kind}_detail", **common, "contribution": [0.2 * awake, 0.4]})
    return rows


def with_gates(kinds_of, **further):
    """Gives the steps rows: kinds_of by step, activation where the step waits."""

    def change(item):
        step = item.arm.split(" ")[1]
        if step in kinds_of:
            item.rows = rows_of(kinds_of[step], seed=item.seed - 1337)
            if step == "V3":
                waking = {"kind": "activation", "step": WOKEN, "tokens": 0, "reason": "delay"}
                item.rows.append(waking)
            item.rows += further.get("rows", [])

    return change


BOTH = {"V1": ("ra_gate",), "V3": ("ra_gate", "rmlp_gate")}


def board_of(folder):
    return Scoreboard(load_matrix(folder))


def figure_of(folder, *, narrow):
    board = board_of(folder)
    curves, _ = gate_curves(board.runs)
    looks = appearance.looks(board.matrix.arms, "adamw V0")
    return gate_figure.gate_curves(curves, looks, narrow=narrow)


def test_values_are_those_of_the_rows(results, study_of):
    board = board_of(study_of(results, 1, with_gates(BOTH)))
    curves, short = gate_curves(board.runs)
    assert [curve.arm for curve in curves] == ["adamw V1", "adamw V3"]
    assert short == []
    v1, v3 = curves
    assert v1.points["ra_gate"] == ((50, 0.001), (100, 0.1), (150, 0.1))
    assert [value for _, value in v1.points["ra_gate_detail"]] == pytest.approx([0.201, 0.3, 0.3])
    assert v1.points.keys() == {"ra_gate", "ra_gate_detail"}
    assert v3.points.keys() == {panel.kind for panel in PANELS}
    assert (v1.woken_at, v3.woken_at) == (None, WOKEN)


@pytest.mark.parametrize("narrow", [False, True])
def test_panels_lines_and_the_mark_of_waking(results, study_of, narrow):
    figure = figure_of(study_of(results, 2, with_gates(BOTH)), narrow=narrow)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [panel.title for panel in PANELS]
    columns = {axes.get_gridspec().ncols for axes in figure.axes}
    assert columns == {1 if narrow else 2}
    attention, mlp = figure.axes[0], figure.axes[2]
    # Two seeds and their mean for each of two arms, the mark, and three entries of the legend.
    assert len([line for line in attention.get_lines() if len(line.get_xdata()) == 3]) == 6
    assert len([line for line in mlp.get_lines() if len(line.get_xdata()) == 3]) == 3
    for axes in figure.axes:
        marks = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
        assert WOKEN in [line.get_xdata()[0] for line in marks if len(line.get_xdata())]
        assert axes.get_ylim()[0] == 0
    means = [line.get_ydata() for line in mlp.get_lines() if line.get_linewidth() > 1]
    assert list(means[0]) == pytest.approx([0.0015, 0.1005, 0.1005])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["adamw V1", "adamw V3", "wakes up"]


def test_only_panels_with_a_line_are_drawn(results, study_of):
    figure = figure_of(study_of(results, 1, with_gates({"V1": ("ra_gate",)})), narrow=False)
    assert [axes.get_title() for axes in figure.axes] == [p.title for p in PANELS[:2]]


def test_one_point_is_no_line_and_said(results, study_of):
    def changed(item):
        if item.arm == "adamw V1":
            item.rows = rows_of(("ra_gate",), steps=(50,))
        if item.arm == "adamw RT":
            item.rows = rows_of(("ra_gate",))

    board = board_of(study_of(results, 1, changed))
    curves, short = gate_curves(board.runs)
    assert [curve.arm for curve in curves] == ["adamw RT"]
    assert short == ["adamw V1"]
    notes = draw_all(board)["gates"].notes
    assert "Fewer than two points in a panel, so no line there: adamw V1." in notes


def test_nothing_measured_nothing_drawn(results, study_of):
    def changed(item):
        if item.arm == "adamw V1":
            item.rows = rows_of(("ra_gate",), steps=(50,))

    assert "gates" not in draw_all(board_of(study_of(results, 1, changed)))
    assert "gates" not in draw_all(board_of(study_of(results, 1)))


def test_what_is_no_number_is_left_out(results, study_of):
    broken = [
        {"kind": "ra_gate", "step": 200, "tokens": 0, "w_eff": {"mean": None}},
        {"kind": "ra_gate", "step": 201, "tokens": 0, "kept": {"mean": 0.5}},
        {"kind": "ra_gate", "step": 202, "tokens": 0, "w_eff": 7},
        {"kind": "ra_gate_detail", "step": 200, "tokens": 0, "contribution": [0.1, None]},
        {"kind": "ra_gate_detail", "step": 201, "tokens": 0, "contribution": []},
        {"kind": "ra_gate_detail", "step": 202, "tokens": 0, "contribution": "0.1"},
        {"kind": "ra_gate_detail", "step": 203, "tokens": 0},
    ]
    change = with_gates({"V1": ("ra_gate",)}, rows=broken)
    (curve,), _ = gate_curves(board_of(study_of(results, 1, change)).runs)
    assert {kind: len(points) for kind, points in curve.points.items()} == {
        "ra_gate": 3, "ra_gate_detail": 3,
    }  # fmt: skip


def test_other_matrices_do_not_read_the_rows(results, grid, monkeypatch):
    monkeypatch.setattr("scripts.report.gates.read_metrics", lambda *_, **__: 1 / 0)
    assert "gates" not in draw_all(board_of(results.matrix(grid(1))))


def reciprocal(policy, woken_at, reason, kept=None):
    found = {"activation": {"policy": policy, "woken_at": woken_at, "reason": reason}}
    return {"reciprocal": found | ({"ra_gate": {"kept": {"mean": kept}}} if kept else {})}


def test_awakenings_are_those_of_the_summaries(results, study_of):
    arms = {"adamw V1": 1.7, "adamw V16": 1.7, "adamw V14": 1.7, "adamw V12": 1.7}
    arms |= {"adamw V0c": 1.7}
    woken = {1337: 250, 1338: 300, 1339: 250}

    def changed(item):
        item.summary = {
            "adamw V1": reciprocal("none", 0, "always"),
            "adamw V16": reciprocal("variance", woken[item.seed], "steady"),
            "adamw V14": reciprocal("delay", 75, "delay", 0.25 + (item.seed - 1337) / 8),
            "adamw V12": reciprocal("delay", 30, "forced" if item.seed == 1338 else "delay"),
            "adamw V0c": {},
        }[item.arm]

    controls = {arm: "adamw V0c" for arm in arms if arm != "adamw V0c"}
    board = board_of(study_of(results, 3, changed, losses=arms, controls=controls))
    found = {item.arm: item for item in awakenings(board.rows)}
    assert list(found) == ["adamw V16", "adamw V14", "adamw V12"]
    v16, v14, v12 = found.values()
    assert (v16.woken, v16.reason, v16.kept) == ("250 and 300", "the loss was steady", "-")
    assert (v14.woken, v14.reason, v14.kept) == ("75", "as planned", "37.5 %")
    assert v12.reason == "as planned and forced: a quarter of the run was over"
    assert (v16.is_forced, v14.is_forced, v12.is_forced) == (False, False, True)


def test_what_was_not_recorded_is_a_dash(results, study_of):
    def changed(item):
        if item.arm == "adamw V1":
            item.summary = reciprocal("delay", None, ["odd"])

    board = board_of(study_of(results, 1, changed))
    (item,) = awakenings(board.rows)
    assert (item.woken, item.reason, item.kept) == ("-", "-", "-")
    assert not was_forced(board.runs)
