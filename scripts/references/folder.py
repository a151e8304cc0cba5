"""One published table: results/reference/NAME/{config, summary.csv, ...}, read and planned."""

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lib.cli import ROOT
from lib.kconfig import load_tree, override_layer, read_layer
from scripts.matrix.plan import Plan, plan

REFERENCES = ROOT / "results" / "reference"
CONFIG = "config"
# In the first lines of a configuration, before the commit that computed its runs.
COMMITTED = "computed by commit "
HEADER_LINES = 5


@dataclass(frozen=True)
class PublishedRun:
    """A row of summary.csv."""

    name: str
    """Without the hash, which options that a later version adds may change."""
    loss: float
    commit: str
    is_clean: bool
    """Whether the tree was the commit's."""
    conditions: dict[str, str]
    """What the last digits depend on, by the names of CONDITIONS."""


# Column of summary.csv, and what a person calls it.
CONDITIONS = {
    "hardware.device": "device",
    "hardware.device_name": "processor",
    "hardware.details.cpu_instructions": "instructions",
    "hardware.threads": "number of threads",
    "versions.torch": "torch",
}


@dataclass(frozen=True)
class Reference:
    """A folder of results/reference."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def runs(self) -> list[PublishedRun]:
        """Every run of the table. Raises OSError, or ValueError where a column is missing."""
        path = self.folder / "summary.csv"
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        try:
            return [
                PublishedRun(
                    row["run"].removeprefix("runs/").rpartition("-")[0],
                    float(row["val_loss"]),
                    row["git.sha"],
                    row["git.dirty"] == "False",
                    {name: row[column] for column, name in CONDITIONS.items()},
                )
                for row in rows
            ]
        except KeyError as missing:
            raise ValueError(
                f"{path} has no column {missing.args[0]}, so an earlier version published it. "
                f"Publish it again: `make`, then `make reference TARGET={self.name}`."
            ) from None

    def plan(self, results: Path) -> Plan:
        """What the published configuration plans today, with its runs below `results`.

        Raises ConfigError where this version does not read it any more.
        """
        path = self.folder / CONFIG
        label = f"{self.folder.relative_to(ROOT)}/{CONFIG}" if self.is_inside else str(path)
        layers = [
            read_layer(path, label, kind="state"),
            override_layer([("RESULTS_DIR", str(results))]),
        ]
        return plan(load_tree(ROOT).resolve(layers))

    @property
    def names_its_commit(self) -> bool:
        """Whether the configuration begins with the commit that computed its runs."""
        with open(self.folder / CONFIG, encoding="utf-8") as file:
            return any(COMMITTED in line for line in islice(file, HEADER_LINES))

    @property
    def is_inside(self) -> bool:
        return self.folder.is_relative_to(ROOT)


def references(folder: Path = REFERENCES) -> list[Reference]:
    """Every table that was published with its commit, by name."""
    found = [Reference(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))]
    return [reference for reference in found if reference.names_its_commit]
