"""Each convention gives the tokens that its originals give, written out here once more."""

import re

import numpy as np
import pytest

from gpt2.questions.hellaswag import Question, read_questions
from gpt2.questions.texts import TEXTS, Written, fit, write


def harness_pair(tokenizer, context, continuation):
    """lm-evaluation-harness 0.4.13, api/model.py, _encode_pair, in its own order."""
    n_spaces = len(context) - len(context.rstrip())
    if n_spaces > 0:
        continuation = context[-n_spaces:] + continuation
        context = context[:-n_spaces]
    whole = tokenizer.encode(context + continuation).tolist()
    before = tokenizer.encode(context).tolist()
    return before, whole[len(before) :]


def harness_text(text):
    """lm-evaluation-harness 0.4.13, tasks/hellaswag/utils.py, preprocess."""
    text = text.strip()
    text = text.replace(" [title]", ". ")
    text = re.sub("\\[.*?\\]", "", text)
    return text.replace("  ", " ")


def test_the_published_text_is_that_of_build_nanogpt(hellaswag_file, rows, gpt2):
    for question, row in zip(read_questions(hellaswag_file), rows, strict=True):
        written = write(question, "published", gpt2)
        assert list(written.context) == gpt2.encode(row["ctx"]).tolist()
        for ending, tokens in zip(row["endings"], written.endings, strict=True):
            assert list(tokens) == gpt2.encode(" " + ending).tolist()
        assert list(written.characters) == [len(ending) for ending in row["endings"]]
        assert written.label == row["label"]


def test_the_harness_text_is_that_of_the_harness(hellaswag_file, rows, gpt2):
    for question, row in zip(read_questions(hellaswag_file), rows, strict=True):
        written = write(question, "harness", gpt2)
        context = row["ctx_a"] + " " + row["ctx_b"].capitalize()
        query = harness_text(row["activity_label"] + ": " + context)
        choices = [harness_text(ending) for ending in row["endings"]]
        pairs = [harness_pair(gpt2, query, " " + choice) for choice in choices]
        assert [list(written.context)] * 4 == [before for before, _ in pairs]
        assert [list(tokens) for tokens in written.endings] == [after for _, after in pairs]
        assert list(written.characters) == [len(choice) for choice in choices]
        assert list(written.bytes) == [len(choice.encode("utf-8")) for choice in choices]
        assert "[" not in gpt2.decode(np.array(written.context, dtype=np.uint16))


def test_bytes_and_characters_are_told_apart(gpt2):
    question = Question(0, "", "He", "He", "", ("caf\u00e9", "a", "b", "c"), 0)
    written = write(question, "published", gpt2)
    assert (written.characters[0], written.bytes[0]) == (4, 5)


@pytest.mark.parametrize("text", TEXTS)
def test_context_and_ending_together_are_the_whole_text(hellaswag_file, gpt2, text):

    for question in read_questions(hellaswag_file):
        written = write(question, text, gpt2)
        for ending in written.endings:
            tokens = np.array(written.context + ending, dtype=np.uint16)
            whole = gpt2.decode(tokens)
            assert gpt2.encode(whole).tolist() == tokens.tolist()


def question_of(context, *endings):
    return Written(3, 0, tuple(range(context)), tuple((1,) * n for n in endings), (), ())


def test_a_long_context_loses_its_beginning_and_is_counted():
    (short, long) = fit([question_of(5, 3, 4), question_of(9, 3, 4)], block_size=8)
    assert short == question_of(5, 3, 4)
    # 8 tokens are read: 5 of the context and 3 of the longest ending; its last is only predicted.
    assert long.context == (4, 5, 6, 7, 8)
    assert long.endings == question_of(9, 3, 4).endings
    assert (short.is_cut, long.is_cut) == (False, True)


def test_an_ending_that_does_not_fit_is_one_sentence():
    assert fit([question_of(5, 8)], block_size=8)[0].context == (4,)
    with pytest.raises(ValueError, match="question 3 has an ending of 9 tokens, and BLOCK_SIZE=8"):
        fit([question_of(5, 9)], block_size=8)
