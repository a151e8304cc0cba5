import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.questions.accuracy import MEASURES, Share, answers, chosen, shares
from gpt2.questions.texts import Written


def question(number, label, tokens, characters, sizes):
    endings = tuple((7,) * count for count in tokens)
    return Written(number, label, (1,), endings, characters, sizes)


QUESTIONS = [
    question(0, 0, (4, 2, 1, 1), (8, 4, 1, 1), (8, 4, 1, 9)),
    question(1, 2, (1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1)),
]
# Of question 0: sums 4 3 2 3, per token 1 1.5 2 3, per character .5 .75 2 3, per byte .5 .75 2 .33.
LOSSES = {0: [4.0, 3.0, 2.0, 3.0], 1: [2.0, 2.0, 1.0, 2.0]}


def test_each_measure_divides_by_its_own_length():
    assert answers(QUESTIONS, LOSSES) == {
        "accuracy": "22",
        "accuracy_per_token": "02",
        "accuracy_per_character": "02",
        "accuracy_per_byte": "32",
    }
    found = shares(QUESTIONS, answers(QUESTIONS, LOSSES))
    assert list(found) == list(MEASURES)
    assert [share.right for share in found.values()] == [1, 2, 2, 1]
    assert {share.asked for share in found.values()} == {2}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 1e3), st.integers(1, 99)), min_size=4, max_size=4),
)
def test_the_choice_is_numpy_s_argmax_of_the_harness(rows):
    losses, lengths = [row[0] for row in rows], [row[1] for row in rows]
    lls = -np.array(losses)
    assert chosen(losses, lengths) == np.argmax(lls / np.array(lengths, dtype=float))


def test_the_first_of_equals_is_taken_and_nothing_without_length():
    assert chosen([2.0, 2.0, 2.0, 2.0], [1, 1, 1, 1]) == 0
    assert chosen([0.1, 2.0, 3.0, 4.0], [0, 1, 1, 1]) == 1


@settings(deadline=None)
@given(right=st.integers(0, 400), wrong=st.integers(1, 400))
def test_wilson_s_interval_is_scipy_s(right, wrong):
    scipy_stats = pytest.importorskip("scipy.stats")
    share = Share(right, right + wrong)
    reference = scipy_stats.binomtest(right, right + wrong).proportion_ci(0.95, "wilson")
    assert share.interval == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_the_standard_error_is_that_of_the_mean():
    share = Share(3, 10)
    answers_ = [1.0] * 3 + [0.0] * 7
    assert share.standard_error == pytest.approx(np.std(answers_, ddof=1) / math.sqrt(10))
    assert math.isnan(Share(1, 1).standard_error)
    assert Share(1, 1).to_dict()["standard_error"] is None
    # What the help of HELLASWAG_ITEMS says.
    assert Share(280, 1000).standard_error == pytest.approx(0.0142, abs=1e-4)
