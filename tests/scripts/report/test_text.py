import subprocess
import sys

import pytest

from scripts.report import scoreboard_text
from scripts.report.terminal import display_width

GOLDEN = """\
example-1a2b3c4d: 5 planned: 5 done
budget: 614,400 tokens per run

method                  sparsity  perplexity  - baseline  peak RSS MiB  done
adamw                          -       5.207           -         38.15   1/1
adamwprune                     -       5.259     +0.0100         38.15   1/1
adamw+magnitude@50%       50.0 %       5.474     +0.0500        38.23#   1/1
adamwprune+bitter1@50%    50.0 %       5.529     +0.0600        38.23#   1/1
adamwprune+bitter7@50%    50.0 %       5.419     +0.0400        38.23#   1/1

one seed, no claim
# masked-dense: pruned weights are stored and multiplied as zeros; no saving
"""


def quiet(grid, seeds=1):
    """A grid whose losses are round."""
    specs = grid(seeds)
    for item in specs:
        item.loss = round(item.loss, 2)
    return specs


def test_golden_text(results, grid):
    assert scoreboard_text(results.matrix(quiet(grid)), 80) == GOLDEN


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 132, 200])
def test_no_line_is_wider_than_the_terminal(results, grid, width, seeds):
    text = scoreboard_text(results.matrix(grid(seeds)), width)
    assert max(map(display_width, text.splitlines())) <= width
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_method_perplexity_and_status_stay(results, grid, width):
    text = scoreboard_text(results.matrix(quiet(grid)), width)
    for word in ("adamwprune+bitter7@50%", "5.419", "1/1", "no claim"):
        assert word in text


def test_wide_terminals_get_every_column(results, grid):
    text = scoreboard_text(results.matrix(grid(1)), 500)
    for heading in ("loss", "bits/byte", "opt state", "w+g+state", "masks", "step ms", "tokens/s"):
        assert heading in text


def test_missing_is_a_dash_and_never_zero(results, spec):
    values = {"val_bits_per_byte": None, "memory.optimizer_bytes": None, "time.total_s": None}
    lines = scoreboard_text(results.matrix([spec(summary=values)]), 500).splitlines()
    heading = next(line for line in lines if line.startswith("method"))
    cells = next(line for line in lines if line.startswith("adamw")).split()
    # The three, the sum that needs one of them, the sparsity and the baseline's own difference.
    assert cells.count("-") == 6
    assert "0.0000" not in " ".join(cells)
    assert "bits/byte" in heading


def test_failed_and_empty_matrices_say_so(results, spec):
    failed = results.matrix([spec(status="failed", reason="x"), spec(seed=2, status="oom")])
    assert "2 planned: 2 failed" in scoreboard_text(failed, 80)
    assert "no runs are planned" in scoreboard_text(results.matrix([]), 80)


def test_differing_budgets_and_machines_are_said(results, spec):
    specs = [spec(), spec("adamwprune", steps=600, provenance={"hardware.fingerprint": "x"})]
    text = scoreboard_text(results.matrix(specs), 100)
    assert "BUDGETS DIFFER (614,400 / 1,228,800 tokens)" in text
    assert "2 hardware fingerprints" in text


def test_wide_characters_keep_the_columns_aligned(results, spec):
    lines = scoreboard_text(results.matrix([spec(), spec("\u4f60\u597d")]), 200).splitlines()
    rows = [line for line in lines if line.endswith("1/1")]
    assert len({display_width(line) for line in rows}) == 1


def test_names_with_escape_codes_do_not_reach_the_terminal(results, spec):
    text = scoreboard_text(results.matrix([spec("evil\x1b[2J")]), 80)
    assert "\x1b" not in text
    assert "evil?[2J" in text


def test_text_imports_nothing_heavy(results, grid):
    folder = results.matrix(grid(1))
    code = (
        "import sys; from pathlib import Path; from scripts.report import scoreboard_text;"
        f"scoreboard_text(Path({str(folder)!r}), 80);"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'jinja2', 'kconfiglib', 'rich'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
