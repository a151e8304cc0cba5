import json

import pytest

from gpt2.questions import results
from gpt2.questions.results import Notebook, read_results

KEY = {"checkpoint_sha256": "a" * 64, "questions": 10}
LOSSES = {3: [1.0, 2.5, 1 / 3, 0.1], 7: [4.0, 3.0, 2.0, 1.0]}


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "KEEP_EVERY_S", 0.0)
    (tmp_path / "hellaswag").mkdir()
    return Notebook(tmp_path, KEY)


def test_losses_come_back_to_the_last_bit(notebook, tmp_path):
    said = []
    assert notebook.known(said.append) == {}
    assert said == []
    notebook.keep(LOSSES)
    assert Notebook(tmp_path, KEY).known(said.append) == LOSSES
    assert said == ["continuing after 2 questions"]
    assert notebook.result() is None


def test_another_key_is_another_examination(notebook, tmp_path):
    notebook.keep(LOSSES)
    for change in ({"questions": 11}, {"checkpoint_sha256": "b" * 64}, {"text": "harness"}):
        other = Notebook(tmp_path, KEY | change)
        assert other.path != notebook.path
        assert other.known(print) == {}


def test_keeping_waits_so_that_it_costs_nothing(notebook, monkeypatch):
    monkeypatch.setattr(results, "KEEP_EVERY_S", 1e9)
    notebook.keep(LOSSES)
    assert not notebook.partial_path.exists()


def test_a_finished_result_takes_the_place_of_what_was_kept(notebook, tmp_path):
    notebook.keep(LOSSES)
    written = notebook.finish({"checkpoint": {"step": 20}, "measures": {}})
    assert not notebook.partial_path.exists()
    assert Notebook(tmp_path, KEY).result() == written == json.loads(notebook.path.read_text())
    assert written["key"] == {"schema": 1, **KEY}


@pytest.mark.parametrize(
    "contents",
    [
        "",
        "{",
        "[1]",
        '{"key": 1}',
        '{"key": {"schema": 1, "checkpoint_sha256": "b", "questions": 10}, "losses": {}}',
        json.dumps({"key": {"schema": 1, **KEY}, "losses": {"x": [1]}}),
        json.dumps({"key": {"schema": 1, **KEY}, "losses": [1]}),
        json.dumps({"key": {"schema": 1, **KEY}, "losses": {"1": None}}),
    ],
)
def test_a_damaged_file_is_said_and_asked_again(notebook, contents):
    notebook.partial_path.write_text(contents)
    said = []
    assert notebook.known(said.append) == {}
    assert said == [f"{notebook.partial_path} is damaged; its questions are asked again"]
    notebook.path.write_text(contents)
    assert notebook.result() is None


def test_a_report_reads_what_is_finished_by_step(tmp_path, notebook):
    assert read_results(tmp_path) == []
    notebook.keep(LOSSES)
    for step in (40, 20):
        other = Notebook(tmp_path, KEY | {"questions": step})
        other.finish({"checkpoint": {"step": step}, "measures": {}})
    (tmp_path / "hellaswag" / "torn.json").write_text("{")
    assert [one["checkpoint"]["step"] for one in read_results(tmp_path)] == [20, 40]
