"""The generated table of docs/testing.md: each mechanism, its defect, and the test that notices."""

from lib.cli import ROOT
from scripts.docs.tables import code, table
from tests.mutants.table import MUTANTS

PAGE = ROOT / "docs" / "testing.md"


def contents() -> dict[str, str]:
    """By place of the page, its table."""
    return {
        "mutants": table(
            ("mechanism", "defect in its place", "test that must fail"),
            ((mutant.mechanism, mutant.defect, code(mutant.test)) for mutant in MUTANTS),
        )
    }
