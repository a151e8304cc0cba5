import pytest

from lib.kconfig.annotations import read_annotations


def test_no_help_declares_nothing():
    annotations, complaints = read_annotations(None)
    assert (annotations.string_type, annotations.axis, annotations.is_relevant) == (
        None,
        None,
        True,
    )
    assert complaints == []


def test_the_last_paragraph_is_read():
    help_text = "  Prose about it.\n\n  Type: float in (0, 10]\n  Results: unaffected\n"
    annotations, complaints = read_annotations(help_text)
    assert complaints == []
    assert annotations.string_type.declaration == "float in (0, 10]"
    assert not annotations.is_relevant
    assert read_annotations("Axis: OPTIMIZER")[0].axis == "OPTIMIZER"


@pytest.mark.parametrize("value", ["0", "n", "-1", "auto", "some-value"])
def test_an_option_may_be_neutral_at_one_value(value):
    annotations, complaints = read_annotations(f"Results: unaffected at {value}")
    assert complaints == []
    assert annotations.is_relevant
    assert annotations.neutral == value


@pytest.mark.parametrize(
    ("help_text", "what"),
    [
        ("Results: unaffected\n\nProse.", "does not stand in the last paragraph"),
        ("Type: flaot in (0, 1)", "is no type"),
        ("Type:", "is no type"),
        ("type: name", "misspelt"),
        ("RESULTS: unaffected", "misspelt"),
        ("Type: name\nType: path", "repeated"),
        ("Results: unafected", "should be `Results: unaffected`"),
        ("Results: Unaffected.", "should be `Results: unaffected`"),
        ("Results: unaffected at", "should be `Results: unaffected`"),
        ("Results: unaffected at 0.5", "y, n, a number or a value"),
        ("Axis: optimizer", "no name in capitals"),
        ("Axis: A B", "no name in capitals"),
        ("Replaces: A, B", "no name in capitals"),
    ],
)
def test_malformed_annotations_are_told(help_text, what):
    _, complaints = read_annotations(help_text)
    assert any(what in complaint for complaint in complaints)
