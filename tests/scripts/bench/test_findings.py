"""What a figure may be called beside its goal."""

import pytest

from scripts.bench.findings import Finding, Section, at_least, at_most, control, judged
from scripts.bench.timing import Ratio


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.8, 1.9, "reached"), (1.79, 1.9, "not decided"), (1.6, 1.79, "missed")],
)
def test_a_goal_is_reached_by_the_whole_interval_or_not_at_all(low, high, verdict):
    assert at_least(1.8).verdict(1.85, low, high) == verdict
    # The same figures as a cost.
    assert at_most(-1.8).verdict(-1.85, -high, -low) == verdict


def test_a_figure_without_an_interval_stands_for_itself():
    assert at_most(0.5).verdict(0.5, None, None) == "reached"
    assert at_most(0.5).verdict(0.51, None, None) == "missed"
    assert judged(None, 1.0) is None


def test_a_control_that_is_off_makes_everything_around_it_void():
    line, void = control("m", Ratio(1.0049, 0.9, 1.1), 0.005)
    assert (line.verdict, void) == ("held", None)
    for median in (1.0051, 0.9949):
        line, void = control("m", Ratio(median, None, None), 0.005)
        assert line.verdict == "void"
        assert void == f"void: A/A {median:.3f}"
        assert judged(at_least(1.0), 2.0, void=void) == void


def test_a_section_is_conditions_notes_and_a_table():
    finding = Finding(
        "m", "tokens/s", "200", "100", Ratio(2.0, 1.9, 2.1), goal=at_least(1.8), verdict="reached"
    )
    text = Section([finding], ["a note"]).text("conditions")
    assert text.startswith("conditions\n\n- a note\n\n| model | what |")
    assert text.endswith("| m | tokens/s | 200 | 100 | 2.000 | 1.900 to 2.100 | >= 1.8 | reached |")
    assert Section([], ["not measured"]).text("conditions") == "conditions\n\n- not measured"
    assert "(plain loop 100)" in str(finding)
    assert "verdict reached" in str(finding)
