import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.kconfig.string_types import parse_string_type


@pytest.mark.parametrize(
    "declaration",
    [
        "float",
        "float in",
        "float in 0, 1",
        "float in (0, 1",
        "float in (1, 0)",
        "float in (1, 1)",
        "float in [-inf, 0]",
        "float in (0, inf]",
        "float in (a, b)",
        "float in (nan, 1)",
        "int",
        "Name",
        "name or nothing",
        "sweep or empty",
        "integers",
        "integers in (0, 4]",
        "integers in [4, 4]",
        "integers in [1, inf]",
        "",
    ],
)
def test_malformed_declarations_are_none(declaration):
    assert parse_string_type(declaration) is None


@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        ("float in (0, 10]", ["10", "1e-300", ".5", "5.", "+1"], ["0", "10.1", "", "-0.0"]),
        ("float in [0, 1)", ["0", "0.999", "-0.0"], ["1", "-1e-9"]),
        ("float in [0, inf)", ["0", "1e308"], ["inf", "1e999", "nan", "-1"]),
        ("float in (-inf, inf)", ["-1e308", "3"], ["0x1", "1_0", " 1", "1 ", "one", "1,5"]),
        ("name", ["a", "0a.b_c+d-e"], ["", "-a", ".a", "a b", "a/b", "\u00e4"]),
        ("name or empty", ["", "a"], ["-a"]),
        (
            "line",
            [
                "page content",
                "\u672c\u6587",
                " a ",
                'say "it\'s"\\',
                "refs/convert/parquet",
                "a\u00a0",
            ],
            ["", "a\nb", "a\tb", "\x7f", "\u2028", "\udcff"],
        ),
        ("line or empty", ["", "a b"], ["\0"]),
        (
            "path",
            ["a/b c", "/x", "a~\\$", "https://x/y", "a'b", 'a"b'],
            ["~no one/x", "", "a\nb", " a", "a`b"],
        ),
        ("path or empty", ["", "a"], ["`"]),
        ("sweep", ["", "A=1"], []),
        (
            "integers in [1, 64]",
            ["1", "64", "1,8,32", "8,1"],
            ["", "0", "65", "1,", ",1", "1, 8", "1,,8", "01", "+1", "1.0", "one", "8,8", "1;8"],
        ),
    ],
)
def test_values(declaration, good, bad):
    kind = parse_string_type(declaration)
    assert kind is not None
    assert [text for text in good if kind.complaint(text)] == []
    assert [text for text in bad if not kind.complaint(text)] == []


def test_equal_numbers_have_one_value():
    kind = parse_string_type("float in [-1, 1]")
    assert kind.value("0.10") == kind.value("1e-1") == 0.1
    assert math.copysign(1, kind.value("-0.0")) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_as_python_writes_it_is_one(number):
    kind = parse_string_type("float in (-inf, inf)")
    assert kind.complaint(repr(number)) is None
    assert kind.value(repr(number)) == number
