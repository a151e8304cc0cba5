"""No document prints a line that does not work where it stands."""

import re
import shlex

import pytest

from gpt2 import prepare_data, train
from gpt2.described import Wish, find_run
from lib.cli import ROOT
from lib.kconfig.store import save_config
from scripts.matrix.plan import plan
from tests.documents import command_lines, configuration_of

# The log tells of the past; the others are generated, and have tests of their own.
APART = ("LOG.md", "coming-from.md", "configuration.md", "arms.md")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = list(
    dict.fromkeys(
        (page.name, line)
        for page in PAGES
        if page.name not in APART
        for line in command_lines(page)
        # Words that stand for something else, names of programs, and what needs a trained model.
        if "<" not in line
        and not {"...", "defconfig-NAME"} & set(line.split())
        and line != "python gpt2/train.py"
        and "matrix.mk" not in line
        and "gpt2/sample.py" not in line
        and "export-hf --max-iters" not in line
    )
)

# What a page says was loaded before; README's block `Use` is one of them, the quickstart another.
BASES = ("gpt2-shakespeare-cpu", "quickstart", "smoke")


@pytest.fixture
def at(configure, tmp_path, monkeypatch, tree):
    """at(base): `.config` is this defconfig, and one of its runs has begun; returns that run."""
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    monkeypatch.setattr("subprocess.call", lambda command: 0)
    for module in ("lib.current", "gpt2.described", "gpt2.checkpoints"):
        monkeypatch.setattr(f"{module}.load_tree", lambda root: tree)

    def choose(base):
        save_config(tmp_path / "config", configure(base), None)
        monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))
        run = find_run(None, ["--optimizer=adamw"], Wish())
        run.checkpoints_path.mkdir()
        (run.checkpoints_path / "step-000010.pt").write_bytes(b"")
        return run

    return choose


def test_the_documents_have_lines():
    assert len(LINES) > 90
    assert ("README.md", "make SEEDS=3") in LINES


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("page", "line"), [each for each in LINES if "python gpt2/train.py" in each[1]], ids=str
)
def test_a_line_of_the_training_program(at, page, line, base):
    run = at(base)
    words = shlex.split(line.replace("results/runs/NAME", str(run.path)))[2:]
    if "--list-checkpoints" not in words:
        words = [*words, "--dry-run"]
    assert train.main(words) == 0


@pytest.mark.parametrize(
    "line",
    [
        line
        for page, line in LINES
        if page == "README.md" and re.search("--(optimizer|ra-step|arm)", line)
    ],
)
def test_a_line_of_one_run_in_a_fresh_clone(at, monkeypatch, tmp_path, line):
    at("quickstart")
    monkeypatch.delenv("KCONFIG_CONFIG")
    for module in ("gpt2.described", "lib.current"):
        monkeypatch.setattr(f"{module}.config_file", lambda: tmp_path / "none")
    place = ["--dry-run", f"--results-dir={tmp_path}/results"]
    assert train.main([*shlex.split(line)[2:], *place]) == 0


@pytest.mark.parametrize(
    ("page", "line"), [each for each in LINES if "python gpt2/prepare_data.py" in each[1]], ids=str
)
def test_a_line_of_the_data_program(at, monkeypatch, page, line):
    at("quickstart")
    for name in ("prepare", "open_dataset", "verify", "describe"):
        monkeypatch.setattr(prepare_data, name, lambda *arguments, **options: None)
    assert prepare_data.main(shlex.split(line)[2:]) == 0


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("page", "line"), [each for each in LINES if "make" in shlex.split(each[1])[:2]], ids=str
)
def test_a_line_of_make(tree, monkeypatch, page, line, base):
    if "INIT_FROM=my/folder" in line:
        # Whatever is in that folder.
        monkeypatch.setattr("scripts.matrix.plan.check_source", lambda settings: None)
    configuration = configuration_of(line, base, tree)
    if configuration is not None:
        assert plan(configuration).runs
