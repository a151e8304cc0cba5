"""The command: one result for one checkpoint, continued after a kill, refused where it makes no
sense."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gpt2 import hellaswag
from gpt2.questions import results, scoring
from gpt2.questions.results import read_results
from lib.claims import claim
from lib.cli import ROOT


@pytest.fixture
def questions_file(tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = (
        {
            "ctx": " ".join(["A man"] + ["walks on"] * (number % 7)),
            "endings": [f"and falls {number}.", "home.", "over the roof of a house.", "a dog"],
            "label": number % 4,
        }
        for number in range(40)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def made(planned, save, merges_mirror, questions_file):
    """A run with GPT-2's tokens and a checkpoint of random weights."""
    made = planned("gpt2", mirror=merges_mirror, HELLASWAG_PATH=questions_file)
    save(made)
    return made


@pytest.fixture
def command(command_of):
    return command_of(hellaswag.main)


def numbers(result):
    """What of a result must be the same however it came about."""
    return {name: result[name] for name in ("key", "measures", "answers", "labels", "checkpoint")}


def test_a_result_is_printed_kept_and_not_measured_twice(command, made, monkeypatch):
    status, output, errors = command("--run", made.run.name)
    assert (status, errors) == (0, "")
    for line in (
        f"{made.run.name}, step 20 (final.pt)",
        "HellaSwag, 40 of 40 questions, text 'published', float32 on cpu",
        "acc_norm of build-nanogpt and llm.c",
        "acc_norm of lm-evaluation-harness",
        "Chance is 25 %.",
    ):
        assert line in output
    (result,) = read_results(made.run.path)
    assert result["key"]["questions"] == 40
    assert result["labels"] == "0123" * 10
    share = result["measures"]["accuracy_per_token"]
    assert share["right"] == sum(
        map(str.__eq__, result["answers"]["accuracy_per_token"], result["labels"])
    )
    assert f"{100 * share['value']:.2f}%" in output

    monkeypatch.setattr(scoring, "ending_losses", None)
    status, again, errors = command("--run", made.run.name)
    assert (status, again) == (0, output)
    assert errors.startswith("asked before: ")


def test_text_and_number_of_questions_are_other_results(command, made):
    for arguments in ([], ["--limit", "10"], ["--hellaswag-text", "harness"]):
        assert command("--run", "custom", *arguments)[0] == 0
    found = read_results(made.run.path)
    assert sorted((one["key"]["text"], one["key"]["questions"]) for one in found) == [
        ("harness", 40),
        ("published", 10),
        ("published", 40),
    ]
    # Those of the tenth part are every fourth question.
    by_count = {one["key"]["questions"]: one for one in found if one["key"]["text"] != "harness"}
    assert by_count[10]["labels"] == by_count[40]["labels"][::4]


def test_another_checkpoint_is_another_result(command, made, save):
    save(made, "best.pt", step=10)
    for which in ("latest", "best"):
        assert command("--run", "custom", "--checkpoint", which)[0] == 0
    assert [one["checkpoint"]["step"] for one in read_results(made.run.path)] == [10, 20]


def test_cut_contexts_are_counted(command, planned, save, merges_mirror, questions_file):
    made = planned("gpt2", mirror=merges_mirror, HELLASWAG_PATH=questions_file, BLOCK_SIZE=12)
    save(made)
    status, output, _ = command("--run", "custom")
    assert status == 0
    (result,) = read_results(made.run.path)
    assert 0 < result["cut"] < 40
    assert f"{result['cut']} contexts were too long" in output


def test_a_stopped_command_continues_to_the_same_result(command, made, monkeypatch):
    assert command("--run", "custom")[0] == 0
    (straight,) = read_results(made.run.path)
    for path in (made.run.path / "hellaswag").glob("*.json"):
        path.unlink()

    monkeypatch.setattr(results, "KEEP_EVERY_S", 0.0)
    original = scoring.ending_losses
    calls = []

    def stop_at_four(*arguments):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(scoring, "ending_losses", stop_at_four)
    status, _, errors = command("--run", "custom")
    assert (status, errors) == (130, "Interrupted.\n")
    assert read_results(made.run.path) == []
    status, _, errors = command("--run", "custom")
    assert status == 0
    assert errors.startswith("continuing after ")
    (continued,) = read_results(made.run.path)
    assert numbers(continued) == numbers(straight)
    # Seven lengths of context: three batches before, one that was cut off, four after.
    assert len(calls) == 8
    assert not list((made.run.path / "hellaswag").glob("*.partial.json"))


# Comes to the third batch and stays there.
STUCK = """
import sys, time
from gpt2 import hellaswag
from gpt2.questions import results, scoring
from lib.cli import guarded
results.KEEP_EVERY_S = 0.0
original, calls = scoring.ending_losses, []
def stuck(*arguments):
    calls.append(None)
    time.sleep(600 if len(calls) == 3 else 0)
    return original(*arguments)
scoring.ending_losses = stuck
sys.exit(guarded(hellaswag.main, sys.argv[1:]))
"""


def test_a_killed_command_continues_to_the_same_result(command, made, tmp_path):
    arguments = ["--run", str(made.run.path)]
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, *arguments],
        cwd=ROOT,
        env=os.environ | {"KCONFIG_CONFIG": str(tmp_path / "no.config")},
        stderr=subprocess.PIPE,
    )
    folder = made.run.path / "hellaswag"
    deadline = time.monotonic() + 60
    while not list(folder.glob("*.partial.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (partial,) = folder.glob("*.partial.json")
    assert 0 < len(json.loads(partial.read_text())["losses"]) < 40
    assert command(*arguments)[0] == 0
    (continued,) = read_results(made.run.path)
    for path in folder.glob("*.json"):
        path.unlink()
    assert command(*arguments)[0] == 0
    (straight,) = read_results(made.run.path)
    assert numbers(continued) == numbers(straight)


def test_two_at_a_time_are_refused(command, made):
    with claim(made.run.path / "hellaswag"):
        status, output, errors = command("--run", "custom")
    assert (status, output) == (75, "")
    assert "is held by process" in errors


def test_a_run_without_gpt2_s_tokens_is_one_sentence(command, planned, save):
    made = planned("bytes")
    save(made)
    status, output, errors = command("--run", "custom")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert "HellaSwag needs a model with GPT-2's tokens, and this run's are bytes" in errors


def test_a_context_that_is_too_short_is_one_sentence(
    command, planned, save, merges_mirror, questions_file
):
    made = planned("gpt2", mirror=merges_mirror, HELLASWAG_PATH=questions_file, BLOCK_SIZE=8)
    save(made)
    rows = questions_file.read_text().splitlines()
    long = json.loads(rows[5]) | {"endings": ["a"] * 3 + ["one two three four five six seven " * 2]}
    rows[5] = json.dumps(long)
    questions_file.write_text("\n".join(rows))
    status, _, errors = command("--run", "custom")
    assert status == 2
    assert "question 5 has an ending of 15 tokens, and BLOCK_SIZE=8" in errors


def test_without_a_file_or_a_network_the_mirror_is_named(command, planned, save, merges_mirror):
    made = planned("gpt2", mirror=merges_mirror)
    save(made)
    status, _, errors = command("--run", "custom", "--data-mirror", "/none")
    assert status == 66
    assert "DATA_MIRROR=/none is not a folder" in errors
    assert "hellaswag_val.jsonl" in errors


def test_wrong_usage_is_2(command, capsys):
    with pytest.raises(SystemExit) as caught:
        command("--run", "a", "--limit", "-1")
    assert caught.value.code == 2
