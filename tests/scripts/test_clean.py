"""Deleting asks first, deletes what it said, and nothing that is in use."""

import pytest

from lib.claims import claim
from scripts import clean


@pytest.fixture
def results(tmp_path, monkeypatch):
    folder = tmp_path / "results"
    for name in ("runs/a", "matrices/b", "reference"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("x")
    (folder / "compare.html").write_text("x")
    monkeypatch.setattr(
        clean,
        "places",
        lambda what: [folder / "runs", folder / "matrices", folder / "compare.html"],
    )
    monkeypatch.delenv("YES", raising=False)
    return folder


def answer(monkeypatch, text):
    def read(prompt):
        if text is None:
            raise EOFError
        return text

    monkeypatch.setattr("builtins.input", read)


@pytest.mark.parametrize("text", ["", "n", "no", None, "yes please"])
def test_anything_but_yes_deletes_nothing(results, monkeypatch, text):
    answer(monkeypatch, text)
    assert clean.main(["results"]) == 1
    assert (results / "runs" / "a" / "file").is_file()


@pytest.mark.parametrize("text", ["y", "YES"])
def test_yes_deletes_runs_and_matrices_and_keeps_the_reference(results, monkeypatch, text):
    answer(monkeypatch, text)
    assert clean.main(["results"]) == 0
    assert [path.name for path in results.iterdir()] == ["reference"]


def test_the_variable_answers_too(results, monkeypatch):
    monkeypatch.setenv("YES", "1")
    assert clean.main(["results"]) == 0
    assert clean.main(["results"]) == 0


def test_a_run_in_use_stays(results, monkeypatch):
    monkeypatch.setenv("YES", "1")
    with claim(results / "runs" / "a"), pytest.raises(ValueError, match="is in use"):
        clean.main(["results"])
    assert (results / "runs" / "a" / "file").is_file()


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="usage"):
        clean.main(["everything"])


def test_it_knows_the_places_of_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "none"))
    assert [place.name for place in clean.places("data")] == ["data"]
    results = [place.name for place in clean.places("results")]
    assert results == ["runs", "matrices", "trackio", "compare.html"]
