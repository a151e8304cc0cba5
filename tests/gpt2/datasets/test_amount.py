import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt2.datasets.amount import parse_tokens, write_tokens
from gpt2.datasets.errors import USAGE, DataError


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("999", 999), ("1K", 1000), ("100M", 10**8), ("1B", 10**9), ("1500M", 15 * 10**8)],
)
def test_amounts(text, number):
    assert parse_tokens(text) == number
    assert write_tokens(number) == text


@given(st.integers(0, 10**13))
def test_every_number_has_one_spelling(number):
    assert parse_tokens(write_tokens(number)) == number


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("1000M", "write it as 1B"),
        ("100000000", "write it as 100M"),
        ("0100M", "write it as 100M"),
        ("100m", "write it as 100M"),
        ("1.5B", "write it as 1500M"),
        ("2G", "write it as 2B"),
        ("lots", "write it as 100M or 1B"),
        ("-1", "write it as 100M or 1B"),
        ("0M", "write it as 0"),
    ],
)
def test_other_spellings_are_told_the_one(text, advice):
    with pytest.raises(DataError, match=advice) as caught:
        parse_tokens(text)
    assert caught.value.exit_status == USAGE
    assert f"DATASET_TOKENS={text}" in str(caught.value)
