"""The command: one idempotent call on one run, by folder or by options."""

import os
import subprocess
import sys

import pytest

from gpt2.described import Wish, find_run
from lib.cli import ROOT
from lib.kconfig.store import save_config
from lib.runs import RunDirectory


@pytest.fixture
def command(configure, tmp_path):
    """command(*arguments) -> the finished process of `python gpt2/train.py`, run from elsewhere."""
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n} and {n + 1} make {2 * n + 1}.\n" for n in range(2500)))
    configuration = configure(DATASET="custom", CUSTOM_PATH=text, CUSTOM_TOKENIZER="bytes")
    save_config(tmp_path / "config", configuration, None)

    def call(*arguments):
        return subprocess.run(
            [sys.executable, str(ROOT / "gpt2" / "train.py"), *arguments],
            cwd=tmp_path,
            env=os.environ | {"KCONFIG_CONFIG": str(tmp_path / "config")},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


DENSE = ("--optimizer", "adamw", "--pruning-method=none")


def test_a_run_that_compiles_nothing_imports_no_compiler(command, monkeypatch):
    """It takes longer than everything else before the first step."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    done = command(*DENSE)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "torch" in imported
    assert "torch._dynamo" not in imported


def test_a_described_run_is_computed_once(command, tmp_path):
    first = command(*DENSE)
    assert first.returncode == 0, first.stderr
    assert "done: validation loss" in first.stdout
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert RunDirectory(folder).state() == "done"
    again = command(*DENSE)
    assert (again.returncode, again.stdout) == (
        0,
        f"{folder.name}: done before, nothing to do.\n",
    )
    by_folder = command("--run", str(folder))
    assert by_folder.stdout == again.stdout
    anew = command("--run", str(folder), "--restart")
    assert anew.stdout == (
        f"{again.stdout}`make test-rerun TARGET={folder.name}` computes it again, from step 0.\n"
    )
    assert len(RunDirectory(folder).attempts()) == 1


def test_a_run_has_one_folder_whatever_it_is_called(configure, monkeypatch, tmp_path):
    """The presets llama and team are one model."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))
    save_config(tmp_path / "config", configure(), None)
    first = find_run(None, [*DENSE, "--arch-preset", "llama"], Wish())
    assert find_run(None, [*DENSE, "--arch-preset", "team"], Wish()) == first
    other = first.path.with_name(first.name.replace("llama", "team"))
    assert find_run(other, [], Wish()) == first


def test_a_dry_run_only_says_which(command, tmp_path):
    said = command(*DENSE, "--dry-run", "--max-iters", "30")
    runs = tmp_path / "results" / "runs"
    assert said.stdout.startswith(f"{runs}/")
    assert said.stdout.endswith(": pending\n")
    # A folder would be one run more that a part of a name may mean.
    assert not runs.exists()


def test_a_bad_end_is_never_called_a_success(command, tmp_path):
    diverging = (*DENSE, "--learning-rate", "100", "--grad-clip", "0", "--no-decay-lr")
    first = command(*diverging)
    assert first.returncode == 70
    assert "diverged: " in first.stdout
    again = command(*diverging)
    assert again.returncode == 70
    assert "diverged before" in again.stderr
    assert "make test-rerun TARGET=" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "OPTIMIZER has 2 members"),
        (("--optmizer", "adamw"), 2, "OPTMIZER"),
        (("--optimizer", "lion"), 2, "choose from adamw, "),
        ((*DENSE, "--max-iters", "0"), 2, "MAX_ITERS"),
        ((*DENSE, "--n-head", "3"), 2, "N_EMBD=32 is not a multiple of N_HEAD=3"),
        ((*DENSE, "--device", "cuda"), 69, "Three ways on"),
        ((*DENSE, "--custom-path", "/none"), 66, "/none does not exist"),
        ((*DENSE, "--block-size", "60000"), 2, "Set BLOCK_SIZE"),
        (("--run", "nowhere"), 2, "is not a run"),
        (("--run", "x", "--max-iters", "3"), 2, "--run takes a frozen run as it is"),
    ],
    ids=str,
)
def test_a_mistake_is_a_sentence_and_its_own_exit_code(
    command, tmp_path, arguments, status, message
):
    done = command(*arguments)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"config", "text.txt", "results"}


def test_one_of_several_processes_says_in_a_sentence_what_to_type(command, monkeypatch, tmp_path):
    """Before, each of them met the lock of the first."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    done = command(*DENSE, "--use_fsdp=True", "config/arch_llama.py")
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    typed = "--optimizer adamw --pruning-method=none config/arch_llama.py"
    assert sentence.endswith(f"Type `python gpt2/train.py {typed}`.")
    assert not (tmp_path / "results").exists()


def test_what_can_be_mended_leaves_the_run_pending(command, tmp_path):
    assert command(*DENSE, "--custom-path", "/none").returncode == 66
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    run = RunDirectory(folder)
    assert run.state() == "pending"
    assert "/none does not exist" in run.reason()
    assert [attempt["cause"] for attempt in run.attempts()] == ["failed"]
