import hashlib
import json

import pytest

from gpt2.datasets.download import Resource
from gpt2.datasets.errors import DataError
from gpt2.questions import hellaswag
from gpt2.questions.hellaswag import (
    VALIDATION,
    VALIDATION_QUESTIONS,
    published_file,
    read_questions,
    spread,
)


def test_a_file_is_read_as_published(hellaswag_file, rows):
    questions = read_questions(hellaswag_file)
    assert [one.number for one in questions] == list(range(30))
    for one, row in zip(questions, rows, strict=True):
        assert one.context == row["ctx"]
        assert list(one.endings) == row["endings"]
        assert (one.activity, one.label) == (row["activity_label"], row["label"])
        assert (one.context_a, one.context_b) == (row["ctx_a"], row["ctx_b"])


def test_other_spellings_of_the_same(tmp_path, rows):
    """Labels as texts, no ctx, no ctx_a, no last newline, blank lines."""
    texts = [rows[0] | {"label": str(rows[0]["label"])}, dict(rows[1]), dict(rows[20])]
    del texts[1]["ctx"]
    for name in ("ctx_a", "ctx_b", "activity_label"):
        del texts[2][name]
    path = tmp_path / "some.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in texts))
    questions = read_questions(path)
    assert [one.context for one in questions] == [rows[0]["ctx"], rows[1]["ctx"], rows[20]["ctx"]]
    assert questions[0].label == rows[0]["label"]
    assert (questions[2].context_a, questions[2].activity) == (rows[20]["ctx"], "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": 4}, "line 3 (label 4 is none of 0 to 3)"),
        ({"label": ""}, "line 3 (invalid literal"),
        ({"endings": ["a", "b", "c"]}, "line 3 (endings are not 4 texts)"),
        ({"endings": ["a", "b", "c", ""]}, "line 3 (endings are not 4 texts)"),
        ({"endings": ["a", "b", "c", 1]}, "line 3 (endings are not 4 texts)"),
        ({"ctx": 5}, "line 3 (the context or the activity is no text)"),
        ({"ctx": " "}, "line 3 (the context is empty)"),
    ],
)
def test_what_is_no_question_is_named_by_its_line(tmp_path, rows, change, words):
    path = tmp_path / "bad.jsonl"
    lines = [rows[0], rows[1], rows[2] | change]
    path.write_text("".join(json.dumps(row) + "\n" for row in lines))
    with pytest.raises(DataError) as caught:
        read_questions(path)
    assert f"{path} has no question in {words}" in str(caught.value)
    assert caught.value.exit_status == 65


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "has no questions"),
        (b"\n\n", "has no questions"),
        (b"{", "no question in line 1"),
        (b"[1]", "no question in line 1"),
        (b'{"label": 0}', "no question in line 1 (no 'endings')"),
        (b"\xff\n", "no UTF-8"),
    ],
)
def test_what_is_no_file_of_questions_is_refused(tmp_path, contents, words):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(contents)
    with pytest.raises(DataError) as caught:
        read_questions(path)
    assert words in str(caught.value)


def test_the_published_file_is_pinned():
    assert VALIDATION.url.endswith("/rowanz/hellaswag/master/data/hellaswag_val.jsonl")
    assert VALIDATION.mirror_path == "hellaswag/hellaswag_val.jsonl"
    assert len(VALIDATION.sha256) == 64
    assert VALIDATION_QUESTIONS == 10_042


def test_the_file_comes_from_the_mirror_and_is_checked(tmp_path, hellaswag_file, monkeypatch):
    contents = hellaswag_file.read_bytes()
    digest = hashlib.sha256(contents).hexdigest()
    small = Resource("http://127.0.0.1:9/none", len(contents), digest, VALIDATION.mirror_path)
    monkeypatch.setattr(hellaswag, "VALIDATION", small)
    place = tmp_path / "mirror" / "hellaswag" / "hellaswag_val.jsonl"
    place.parent.mkdir(parents=True)
    place.write_bytes(contents[:-1] + b" ")
    mirror = str(tmp_path / "mirror")
    with pytest.raises(DataError, match="not the SHA-256"):
        published_file("", tmp_path / "cache", mirror, print)
    place.write_bytes(contents)
    found = published_file("", tmp_path / "cache", mirror, print)
    assert found == tmp_path / "cache" / "hellaswag" / "hellaswag_val.jsonl"
    assert found.read_bytes() == contents


def test_a_file_of_one_s_own_is_taken_where_it_is(tmp_path, hellaswag_file):
    assert published_file(str(hellaswag_file), tmp_path, "/none", print) == hellaswag_file
    with pytest.raises(DataError, match="HELLASWAG_PATH=/none/x is no file") as caught:
        published_file("/none/x", tmp_path, "/none", print)
    assert caught.value.exit_status == 66


def test_a_part_is_evenly_spaced_and_always_the_same(hellaswag_file):
    questions = read_questions(hellaswag_file)
    assert [one.number for one in spread(questions, 5)] == [0, 6, 12, 18, 24]
    assert [one.number for one in spread(questions, 7)] == [0, 4, 8, 12, 17, 21, 25]
    assert spread(questions, 0) == spread(questions, 30) == spread(questions, 99) == questions
    assert len(spread(questions, 29)) == len({one.number for one in spread(questions, 29)}) == 29
