"""Several steps of the reciprocal attention study by one command of gpt2/train.py.

The matrix does the work: Make computes each step and seed in a process of its own, adds the plain
twin of every step, goes on after a failure, and writes the report. So `--ablation-mode` and
`make` with the same options are the same runs.
"""

import subprocess
import sys
from collections.abc import Sequence

from lib.cli import ROOT
from lib.current import load_configuration
from lib.given import make_program
from lib.kconfig import overrides_from_arguments


class AblationCoordinator:
    """Hands the steps that the options name to the matrix."""

    def __init__(self, assignments: Sequence[str], is_dry_run: bool = False) -> None:
        """assignments: options of the command line. Raises ValueError where they, with `.config`,
        ask for no study."""
        layer = overrides_from_arguments(assignments)
        self.target = "dry-run" if is_dry_run else "all"
        config = load_configuration(layer).typed()
        if config.ARCHITECTURE != "unified-ra":
            raise ValueError(
                f"--ablation-mode compares steps of --architecture unified-ra; this is "
                f"{config.ARCHITECTURE}, which has none. Leave --ablation-mode out, or add "
                "--architecture unified-ra."
            )
        self.variables = [f"{found.name}={found.value}" for found in layer.assignments]

    def command(self) -> list[str]:
        """What computes and reports, or with --dry-run plans: `make` with these options."""
        make = [make_program(), "-C", str(ROOT), "--no-print-directory"]
        return [*make, f"PYTHON={sys.executable}", *self.variables, self.target]

    def run(self) -> int:
        """The exit status of Make: 0 only if every run is done."""
        return subprocess.call(self.command())
