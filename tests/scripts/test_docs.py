"""The generated pages say what the code says; a page that does not is found."""

import pytest

from lib.cli import ROOT
from scripts import docs


def test_the_pages_are_up_to_date():
    assert docs.main(["--check"]) == 0


def test_drift_is_found(monkeypatch):
    monkeypatch.setattr(docs, "arms_page", lambda tree: "something else")
    with pytest.raises(ValueError, match="docs/arms.md does not say what the code says"):
        docs.main(["--check"])


def test_every_link_of_the_documents_leads_somewhere():
    import re

    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in [*pages, ROOT / "results" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
