import subprocess
import sys
import time

import pytest

from scripts.report import scoreboard_text, write_report


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "scripts.report", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def test_prints_the_scoreboard_and_the_page(results, grid):
    folder = results.matrix(grid(1))
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("example-1a2b3c4d: 5 planned: 5 done")
    assert done.stdout.endswith(f"report: {folder / 'report' / 'report.html'}\n")
    assert "\x1b" not in done.stdout


def test_text_only_writes_nothing(results, grid):
    folder = results.matrix(grid(1))
    done = run(folder, "--text-only", COLUMNS="60")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 60
    assert not (folder / "report").exists()


def test_a_wrong_folder_is_one_message(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2
    assert "matrix.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_terminals_that_know_only_ascii(results, spec):
    done = run(results.matrix([spec("\u4f60")]), "--text-only", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\\u4f60" in done.stdout


def test_the_page_needs_no_torch_and_no_scipy(results, grid):
    folder = results.matrix(grid(1))
    code = (
        "import sys; from pathlib import Path; from scripts.report import write_report;"
        f"write_report(Path({str(folder)!r}));"
        "print(sorted({'torch', 'scipy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_500_runs_are_quick(results, grid):
    arms = {"adamw": 1.6} | {f"adamw+magnitude@{k}%": 1.6 + k / 900 for k in range(1, 100)}
    folder = results.matrix(grid(5, arms))
    # Of this process, so that a busy machine does not fail it.
    start = time.process_time()
    scoreboard_text(folder, 80)
    assert time.process_time() - start < 1
    start = time.process_time()
    page = write_report(folder)
    assert time.process_time() - start < 10
    assert page.stat().st_size < 8_000_000
