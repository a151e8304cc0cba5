"""Every line of docs/coming-from.md does what the page says, on a suitable configuration."""

import re
import shlex

import pytest

from gpt2 import prepare_data, train
from lib.cli import ROOT
from lib.kconfig.earlier_lines import SYSTEMS, TRAIN
from tests.documents import configuration_of

TRAINING = [(s.defconfig, line) for s in SYSTEMS for line in s.lines if line.options is not None]
OTHERS = [(s.defconfig, line) for s in SYSTEMS for line in s.lines if line.options is None]


@pytest.fixture
def at(monkeypatch, tmp_path, tree):
    """at(defconfig): that is the present configuration, and nothing has been computed."""
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    monkeypatch.chdir(tmp_path)

    def choose(defconfig):
        monkeypatch.setenv("KCONFIG_CONFIG", str(ROOT / "defconfigs" / defconfig))

    monkeypatch.setattr("subprocess.call", lambda command: 0)
    # One for all lines: reading it takes longer than all else.
    for module in ("lib.current", "gpt2.described", "gpt2.checkpoints"):
        monkeypatch.setattr(f"{module}.load_tree", lambda root: tree)
    return choose


def dry_run(options, tmp_path):
    """Nothing, or the options of the line that the refusal says to type."""
    words = shlex.split(options)
    place = ["--dry-run", "--results-dir", str(tmp_path / "results")]
    if "--list_checkpoints" in words or "--list-checkpoints" in words:
        place.remove("--dry-run")
    if "--output_dir" in words:
        # It names that place.
        place = place[:1]
        words[words.index("--output_dir") + 1] = str(tmp_path / "results")
    try:
        assert train.main([*place, *words]) == 0
    except ValueError as error:
        text = str(error).replace(f"{TRAIN} {shlex.join(place)}", TRAIN)
        return [text, *re.findall(rf"`{TRAIN} ?([^`]*)`", text)][-1]
    return None


@pytest.mark.parametrize(
    ("defconfig", "line"), TRAINING, ids=lambda value: getattr(value, "typed", "")
)
def test_a_line_that_trains_works_or_answers_with_one_that_does(
    at, monkeypatch, tmp_path, defconfig, line
):
    at(defconfig)
    if line.processes > 1:
        monkeypatch.setenv("WORLD_SIZE", str(line.processes))
        monkeypatch.setenv("RANK", "0")
    answer = dry_run(line.options, tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    expected = line.here.removeprefix(TRAIN).strip()
    assert answer in (None, expected)
    if answer is None:
        assert expected == line.options, "the page shows another line than the one that works"
    else:
        assert dry_run(answer, tmp_path) is None


def test_a_line_of_data_prepares_that_dataset(monkeypatch):
    monkeypatch.setenv("KCONFIG_CONFIG", str(ROOT / "defconfigs" / "smoke"))
    prepared = []
    monkeypatch.setattr(prepare_data, "prepare", lambda **where: prepared.append(where["dataset"]))
    for name in ("open_dataset", "verify", "describe"):
        monkeypatch.setattr(prepare_data, name, lambda *arguments, **options: None)
    program = "python gpt2/prepare_data.py "
    lines = [line.here for _, line in OTHERS if line.here.startswith(program)]
    for line in lines:
        assert prepare_data.main(line.removeprefix(program).split()) == 0
    wanted = ["shakespeare-char", "openwebtext", "finewebedu", "shakespeare"]
    assert list(dict.fromkeys(prepared)) == wanted


def test_a_line_of_make_has_a_target_and_known_variables(tree):
    for defconfig, line in OTHERS:
        if line.here.startswith("make"):
            configuration_of(line.here, defconfig, tree)


def test_nothing_else_is_on_the_page():
    for _, line in OTHERS:
        assert line.here.startswith(("make", "python gpt2/prepare_data.py ", TRAIN)), line
