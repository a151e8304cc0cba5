"""The command: a run by a part of its name, options checked by the tree, mistakes in a sentence."""

import os
import re
import subprocess
import sys

import pytest

from gpt2 import sample
from lib.cli import ROOT
from tests.gpt2.training import train_here


@pytest.fixture
def command(command_of):
    return command_of(sample.main)


def test_a_run_writes_and_writes_the_same_again(command, planned, save):
    made = planned("char", GENERATION_MAX_TOKENS=30)
    save(made)
    arguments = ("--run", made.run.name[:-3], "--prompt", "7 and ", "--count", "3")
    status, output, errors = command(*arguments)
    assert status == 0
    assert errors == f"{made.run.name}, step 20 (final.pt), on {errors.split(', on ')[1]}"
    texts = output.removesuffix("\n").split("\n---\n")
    assert len(texts) == 3
    assert len(set(texts)) == 3
    assert all(text.startswith("7 and ") for text in texts)
    # A newline is one of the characters, and the answer is cut at none.
    assert all(len(text) == 36 for text in texts)
    assert command(*arguments)[1] == output
    assert command(*arguments, "--seed", "2")[1] != output


def test_options_reach_the_sampling(command, planned, save):
    made = planned("char", GENERATION_MAX_TOKENS=30)
    save(made)

    def written(*options):
        status, output, _ = command("--run", "custom", *options)
        assert status == 0
        return output

    assert len(written("--tokens", "5")) == 6
    assert len(written("--generation-max-tokens=7")) == 8
    greedy = written("--temperature", "0")
    assert greedy == written("--temperature=0", "--seed", "9") == written("--top-k", "1")
    assert greedy == written("--top-p", "1e-9")
    assert greedy != written("--temperature", "5", "--top-k", "0")


def test_gpt2_s_tokens(command, planned, save, merges_mirror):
    made = planned("gpt2", mirror=merges_mirror, GENERATION_MAX_TOKENS=5)
    save(made)
    status, output, _ = command("--run", "custom", "--prompt", "Hello, world")
    assert status == 0
    assert output.startswith("Hello, world")
    assert command("--run", "custom")[0] == 0


def test_what_make_hands_on_is_read(command, planned, save, monkeypatch):
    save(planned("char"))
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "GENERATION_MAX_TOKENS DEVICE")
    monkeypatch.setenv("BITTERBENCH_GIVEN_GENERATION_MAX_TOKENS", "4")
    monkeypatch.setenv("BITTERBENCH_GIVEN_DEVICE", "cpu")
    assert len(command("--run", "custom")[1]) == 5


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--run", "lion"], 2, "RUN=lion fits no run"),
        (["--run", "custom", "--learning-rate", "3"], 2, "--learning-rate does not concern this"),
        (["--run", "custom", "--temperature", "-1"], 2, "GENERATION_TEMPERATURE=-1"),
        (["--run", "custom", "--top-p", "0"], 2, "GENERATION_TOP_P=0"),
        (["--run", "custom", "--tokens", "many"], 2, "GENERATION_MAX_TOKENS=many"),
        (["--run", "custom", "--prompt", "\u00e9!"], 2, "'!' '\u00e9', which is none of the"),
        (["--run", "custom", "--prompt", "a\udce9"], 2, "prompt 'a\\udce9' is not in UTF-8. Put"),
        (["--run", "custom", "--checkpoint", "step-7.pt"], 66, "no checkpoint 'step-7.pt'"),
        (["--run", "custom", "--device", "cuda"], 69, "Three ways on"),
    ],
)
def test_a_mistake_is_one_sentence(command, planned, save, arguments, status, sentence):
    save(planned("char"))
    actual, output, errors = command(*arguments)
    assert (actual, output) == (status, "")
    assert sentence in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("arguments", [[], ["--run", "a", "--count", "0"], ["--run"]])
def test_wrong_usage_is_2(command, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        command(*arguments)
    assert caught.value.code == 2
    assert "usage: python gpt2/sample.py" in capsys.readouterr().err


def test_a_prompt_from_a_file_is_taken_to_its_last_byte(command, planned, save, tmp_path):
    save(planned("bytes", GENERATION_MAX_TOKENS=3))
    (tmp_path / "prompt").write_bytes("h\u00e9:\n\n".encode())
    told = command("--run", "custom", "--prompt", "h\u00e9:\n\n")
    assert command("--run", "custom", "--prompt-file", str(tmp_path / "prompt")) == told
    assert told[1].startswith("h\u00e9:\n\n")
    (tmp_path / "prompt").write_bytes("\ufeffh\u00e9:\n\n".encode())
    assert command("--run", "custom", "--prompt-file", str(tmp_path / "prompt")) == told
    (tmp_path / "prompt").write_bytes(b"h\xe9")
    for name, status, sentence in (
        ("prompt", 65, "prompt is not UTF-8 text: it has the byte 0xe9 at 1. Convert it"),
        ("none", 2, "none: No such file or directory. Name a readable file."),
    ):
        actual, _, errors = command("--run", "custom", "--prompt-file", str(tmp_path / name))
        assert actual == status
        assert f"{tmp_path}/{sentence}" in errors


def test_the_documented_command_works_from_any_folder(planned, save, tmp_path):
    made = planned("bytes", GENERATION_MAX_TOKENS=10)
    save(made)
    done = subprocess.run(
        [sys.executable, str(ROOT / "gpt2" / "sample.py"), "--run", str(made.run.path)],
        cwd=tmp_path,
        env=os.environ | {"KCONFIG_CONFIG": str(tmp_path / "no.config")},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"step 20 (final.pt)" in done.stderr
    assert done.stdout.endswith(b"\n")


def test_a_model_writes_what_it_learned(command, planned):
    """From training to text, with nothing made up in between."""
    made = planned("char", MAX_ITERS=400, BATCH_SIZE=16, LEARNING_RATE="5e-3", SEED=3)
    train_here(made.run, made.settings, made.config.hash)
    status, output, _ = command("--run", "custom", "--temperature", "0.3", "--tokens", "200")
    assert status == 0
    lines = output.strip().split("\n")[1:-1]
    told = [re.fullmatch(r"\d+ and \d+ make \d+\.", line) is not None for line in lines]
    assert sum(told) >= len(told) / 2 > 2, output
