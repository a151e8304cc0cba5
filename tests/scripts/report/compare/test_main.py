"""The command as the door calls it: what is printed, where, and with which exit code."""

import os
import subprocess
import sys

import pytest

from lib.cli import ROOT


@pytest.fixture
def compare(results, tmp_path):
    """compare(*arguments, **environment) -> the finished process, in the results of the test."""

    def call(*arguments, **environment):
        given = {"BITTERBENCH_OVERRIDES": "RESULTS_DIR"}
        given |= {"BITTERBENCH_GIVEN_RESULTS_DIR": str(results.root)}
        given |= {"KCONFIG_CONFIG": str(tmp_path / "none"), "COLUMNS": "100"}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "scripts", "report.compare", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]} | given | environment,
            capture_output=True,
            text=True,
        )

    return call


def test_prints_the_table_and_the_page(compare, results, model):
    for item in (model("gpt2"), model("llama", 1.6)):
        results.run(item)
    done = compare("--latest", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("LATEST=3: only 2 have ended.\n\n2 runs side by side\n")
    assert done.stdout.endswith(f"\npage: {results.root / 'compare.html'}\n")
    assert (results.root / "compare.html").is_file()
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Which runs?"),
        (["--latest=0"], "LATEST=0 is no number"),
        (["--runs=a", "--latest=2"], "two ways to choose"),
        (["--runs=lion"], "RUNS=lion names no run"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence_and_nothing_is_written(
    compare, results, arguments, sentence
):
    done = compare(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not results.root.exists()


def test_an_option_that_changes_no_comparison_is_refused(compare, results, model):
    results.run(model("gpt2"))
    options = {"BITTERBENCH_OVERRIDES": "RESULTS_DIR MAX_ITERS", "BITTERBENCH_GIVEN_MAX_ITERS": "3"}
    done = compare("--latest=1", **options)
    assert done.returncode == 2
    assert "MAX_ITERS does not concern a comparison" in done.stderr


def test_runs_are_looked_for_where_the_configuration_puts_them(compare, results, model, tmp_path):
    results.run(model("gpt2"))
    (tmp_path / "none").write_text(f'CONFIG_RESULTS_DIR="{results.root}"\n')
    done = compare("--runs=gpt2", BITTERBENCH_OVERRIDES="")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("one run\n")


def test_a_folder_that_cannot_be_written_is_a_sentence(compare, results, model):
    results.run(model("gpt2"))
    (results.root / "compare.html").mkdir()
    done = compare("--latest=1")
    assert done.returncode == 74
    assert "Traceback" not in done.stderr
    assert "compare.html" in done.stderr


def test_a_terminal_that_knows_only_ascii(compare, results, model):
    results.run(model("gpt2", summary={"architecture": "\u4f60"}))
    done = compare("--latest=1", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "1 \\u4f60" in done.stdout


def test_it_brings_no_torch_and_no_pandas(results, model):
    results.run(model("gpt2"))
    code = (
        "import sys, pathlib; from scripts.report.compare.chosen import choose;"
        "from scripts.report.compare.comparison import Comparison;"
        "from scripts.report.compare.page import write; import scripts.report.compare.__main__;"
        f"root = pathlib.Path({str(results.root)!r});"
        "write(Comparison(choose(None, '1', root), root), root);"
        "print(sorted({'torch', 'pandas', 'scipy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
