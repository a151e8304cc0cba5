"""`make bench-optim` at its smallest: every arm appears, and the page takes the table."""

import os
import re
import subprocess
import sys

from lib.cli import ROOT
from lib.optimizers import OPTIMIZERS


def test_every_optimizer_is_timed_and_the_page_is_written(tmp_path):
    page = tmp_path / "benchmarks.md"
    words = ["bench.optimizers", "--quick", "--device", "cpu", "--write", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "scripts", *words],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    for name in OPTIMIZERS:
        assert f"| {name}" in text, name
    for what in (
        "A/A: the reference again: step",
        "gate and event / 50: bitter7, global",
        "gate alone",
    ):
        assert f"| {what} |" in text
    # The histogram's answer was compared with that of kthvalue before the row was printed.
    assert "exact threshold, 24,576 scores | " in text
    assert "1 threads; PyTorch" in text
    assert re.search(r"The reference against itself is off by up to [0-9.]+ %", text)
