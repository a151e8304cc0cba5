"""One mutant: a mechanism replaced by the identity or by the classic mistake, and its test."""

from dataclasses import dataclass
from pathlib import Path


class Stale(ValueError):
    """The table names a text that the code no longer has, or has twice."""


@dataclass(frozen=True)
class Mutant:
    """A line of the table. Texts are compared exactly, line breaks and indentation included."""

    mechanism: str
    """What the code does right, for the table in docs/testing.md; unique."""
    defect: str
    """What it does instead once the replacement is in."""
    file: str
    """Path from the root of the project."""
    original: str
    """Stands in the file exactly once."""
    replacement: str
    test: str
    """The pytest node that must fail by an assertion: path::name."""

    def applied(self, text: str) -> str:
        """The file's text with the defect. Raises Stale if the original is not there once."""
        found = text.count(self.original)
        if found != 1:
            raise Stale(
                f"mutant '{self.mechanism}' is stale: its original text stands {found} times in "
                f"{self.file}; write it anew after the present code, in tests/mutants"
            )
        return text.replace(self.original, self.replacement)

    def check(self, root: Path) -> None:
        """Raise Stale if the mutant cannot be applied to the project below `root`."""
        path = root / self.file
        if not path.is_file():
            raise Stale(f"mutant '{self.mechanism}' is stale: there is no {self.file} any more")
        self.applied(path.read_text("utf-8"))
