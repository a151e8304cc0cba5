"""A measurement replaces its predecessor on the page, and nothing else."""

from scripts.bench.page import write_place
from scripts.docs.tables import fill

PLACE = ("bench-x", "A heading")


def test_the_table_replaces_its_predecessor_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    write_place(page, *PLACE, "first")
    write_place(page, *PLACE, "second")
    text = page.read_text()
    assert "first" not in text
    assert fill(text, {"bench-x": "third"}) == text.replace("second", "third")
    page.write_text("# Mine\n\nwords\n")
    write_place(page, *PLACE, "first")
    page.write_text(page.read_text() + "\nmore words\n")
    write_place(page, *PLACE, "second")
    text = page.read_text()
    assert text.startswith("# Mine\n\nwords\n\n## A heading\n\n<!-- generated")
    assert text.endswith("<!-- end -->\n\nmore words\n")
