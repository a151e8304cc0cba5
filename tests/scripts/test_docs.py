"""The generated pages say what the code says; a page that does not is found."""

import re

import pytest

from lib.cli import ROOT
from scripts.docs import __main__ as docs
from scripts.docs import arms, pruning
from scripts.docs.tables import fill, place, table

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_pages_are_up_to_date():
    assert docs.main(["--check"]) == 0


def test_drift_of_a_page_is_found(monkeypatch):
    monkeypatch.setattr(arms, "page", lambda tree: "something else")
    with pytest.raises(ValueError, match="docs/arms.md does not say what the code says"):
        docs.main(["--check"])


def test_drift_of_a_table_is_found(monkeypatch):
    monkeypatch.setitem(pruning.METHODS, "lottery", pruning.METHODS["random"])
    monkeypatch.setattr(arms, "page", lambda tree: arms.PAGE.read_text("utf-8"))
    with pytest.raises(ValueError, match="docs/pruning.md does not say what the code says"):
        docs.main(["--check"])


def test_only_the_marked_places_change():
    page = f"# Mine\n\n{place('a', 'old')}\nwords\n\n{place('b', 'old')}"
    filled = fill(page, {"b": "new b", "a": "new a"})
    assert filled == f"# Mine\n\n{place('a', 'new a')}\nwords\n\n{place('b', 'new b')}"
    assert fill("<!-- generated: a -->\n<!-- end -->\n", {"a": "x"}) == place("a", "x")


@pytest.mark.parametrize("page", ["no place\n", place("b", ""), place("a", "") * 2])
def test_a_place_without_a_table_and_a_table_without_a_place_are_refused(page):
    with pytest.raises(ValueError, match="and the generator has a; mark each once"):
        fill(page, {"a": "x"})


def test_a_bar_does_not_end_a_cell():
    assert table(("a", "b"), [("|w|", "2")]) == "| a | b |\n| --- | --- |\n| \\|w\\| | 2 |"


def test_every_link_of_the_documents_leads_somewhere():
    for page in [*PAGES, ROOT / "results" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
