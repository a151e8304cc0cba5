"""The Makefile as people type it, in a copy of the sources: nothing here is touched."""

import contextlib
import os
import re
import subprocess
import sys
import termios

import pytest

from lib.cli import ROOT
from lib.runs import RunDirectory


def good(process):
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def steps_planned(text):
    return set(re.findall(r"pending +(\d+) ", text))


def test_help_needs_no_python_and_names_what_people_type(make):
    text = good(make("help", python=None, PATH="/usr/bin:/bin"))
    typed = "quickstart setup doctor menuconfig oldconfig olddefconfig savedefconfig randconfig"
    typed += " defconfig-NAME explain-SYMBOL all train test-matrix continue test-rerun status watch"
    typed += " estimate prepare-data data-clean report summary results-clean check clean mrproper"
    for target in typed.split():
        assert re.search(rf"(^|\s){target}\b", text), target


def test_on_a_terminal_help_fits_its_width():
    pair = os.openpty()
    termios.tcsetwinsize(pair[1], (24, 80))
    whole = subprocess.check_output(["make", "-s", "help"], cwd=ROOT, text=True)
    subprocess.run(["make", "-s", "help"], cwd=ROOT, stdout=pair[1], check=True)
    os.close(pair[1])
    folded = ""
    # Linux ends what a terminal says with an error.
    with contextlib.suppress(OSError):
        while part := os.read(pair[0], 1 << 16):
            folded += part.decode()
    os.close(pair[0])
    assert max(len(line) for line in whole.splitlines()) > 80
    assert max(len(line) for line in folded.splitlines()) < 80
    assert folded.split() == whole.split()


def test_every_documented_target_exists(make, checkout):
    """`make -n` knows each target that help shows under its own name."""
    text = good(make("help"))
    targets = re.findall(r"^  ([a-z-]+)(?: [a-z -]+)?  ", text, re.MULTILINE)
    good(make("defconfig-smoke"))
    assert len(targets) > 30
    for target in set(targets) - {"setup", "quickstart", "check", "check-quick", "all"}:
        done = make("-n", target)
        assert "No rule to make target" not in done.stderr, target


def test_without_packages_only_setup_is_offered(make, checkout):
    done = make("menuconfig", python=None)
    assert done.returncode == 2
    assert "'make setup' creates it" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("goal", [[], ["dry-run"], ["status"], ["report"], ["olddefconfig"]])
def test_without_a_configuration_two_commands_are_offered(make, checkout, goal):
    done = make(*goal)
    assert done.returncode == 2
    assert "make menuconfig" in done.stderr
    assert "make defconfig-NAME" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".config").exists()
    assert not (checkout / "config.py").exists()


@pytest.mark.parametrize("goal", ["defconfig-smoke", "smoke_defconfig"])
def test_a_defconfig_is_loaded_by_both_spellings(make, checkout, goal):
    good(make(goal))
    assert "CONFIG_MAX_ITERS=20\n" in (checkout / ".config").read_text()


def test_fragments_on_the_way_and_afterwards(make, checkout):
    good(make("defconfig-smoke+seeds3"))
    assert "CONFIG_SEEDS=3\n" in (checkout / ".config").read_text()
    good(make("deterministic.config"))
    text = (checkout / ".config").read_text()
    assert "CONFIG_DETERMINISTIC=y\n" in text
    assert "CONFIG_SEEDS=3\n" in text


def test_only_the_command_line_changes_a_run(make):
    good(make("defconfig-smoke"))
    exported = make("dry-run", MAX_ITERS="7", MODEL="gpt2-xl", DEVICE="cuda")
    assert steps_planned(good(exported)) == {"20"}
    said = make("dry-run", "MAX_ITERS=7", "WARMUP_STEPS=1")
    assert steps_planned(good(said)) == {"7"}
    assert "command line: MAX_ITERS=7 instead of 20" in said.stderr


@pytest.mark.parametrize("where", ["before", "after"])
def test_trackers_may_stand_before_make_because_they_change_no_run(make, checkout, where):
    good(make("defconfig-smoke"))
    words = ["TRACKER=wandb,trackio"] if where == "after" else []
    before = {"TRACKER": "wandb,trackio"} if where == "before" else {}
    done = make("-n", "test-matrix", *words, **before)
    assert "TRACKER_WANDB=y instead of n" in done.stderr
    runs = list((checkout / "results" / "runs").glob("*/config.py"))
    assert len(runs) == 4
    for run in runs:
        text = run.read_text()
        assert "CONFIG_TRACKER_WANDB = True\n" in text
        assert "CONFIG_TRACKER_TRACKIO = True\n" in text
        assert "CONFIG_TRACKER_TENSORBOARD = False\n" in text
    assert steps_planned(good(make("dry-run", TRACKER=""))) == {"20"}
    assert "names neptune" in make("dry-run", TRACKER="neptune").stderr


def test_the_seed_s_word_for_tensorboard(make):
    good(make("defconfig-smoke"))
    done = make("dry-run", "USE_TENSORBOARD=y")
    assert "command line: TRACKER_TENSORBOARD=y instead of n" in done.stderr
    assert steps_planned(good(done)) == {"20"}


@pytest.mark.parametrize("extras", ["trackers nix", "trackers,nix", 'x"; touch pwned; "', "'$(x)"])
def test_an_unknown_extra_is_a_sentence_with_the_choice(make, checkout, extras):
    for python in (None, sys.executable):
        done = make("setup", f"EXTRAS={extras}", python=python)
        assert done.returncode == 2
        assert "There is no extra named " in done.stderr
        assert "trackers" in done.stderr
        assert "Error 2" in done.stderr
    assert not (checkout / "pwned").exists()
    assert not (checkout / ".venv").exists()


def test_extras_are_installed_beside_the_pinned_packages(make, checkout):
    text = good(make("-n", "setup", "EXTRAS=trackers", python=None))
    assert "pip install" in text
    assert "-r requirements-trackers.txt -c requirements.txt" in text
    assert "-r requirements-dev.txt" not in text
    text = good(make("-n", "setup-dev", python=None))
    assert "-r requirements-dev.txt -c requirements.txt" in text
    assert "-r requirements-trackers.txt" in (checkout / "requirements-dev.txt").read_text()


def test_nothing_is_installed_into_an_interpreter_of_ones_own(make):
    assert good(make("setup")) == ""
    done = make("setup", "EXTRAS=trackers")
    assert done.returncode == 2
    assert "-m pip install -r requirements-trackers.txt" in done.stderr


def test_an_override_is_for_this_command_alone(make, checkout):
    good(make("defconfig-smoke"))
    before = (checkout / ".config").read_bytes()
    good(make("dry-run", "OPTIMIZER=adamw"))
    assert (checkout / ".config").read_bytes() == before


@pytest.mark.parametrize(
    "word", ["MAX_ITERS=1; touch pwned", "MATRIX_NAME='`touch pwned`'", 'DATA_DIR="; touch pwned;"']
)
def test_a_value_is_never_a_command(make, checkout, word):
    good(make("defconfig-smoke"))
    make("dry-run", word)
    make("test-rerun", f"TARGET='; touch pwned; {word}")
    assert not (checkout / "pwned").exists()


def test_a_mistake_stops_before_anything_is_written(make, checkout):
    good(make("defconfig-smoke"))
    before = sorted(path.name for path in checkout.iterdir())
    for word in ("MAX_ITERS=abc", "NOSUCH=1", "GPT2_MAX_ITERS=5", "OPTIMIZER=lion"):
        done = make("dry-run", word)
        assert done.returncode == 2
        assert done.stderr.startswith("command line: ")
    # Only the generated config.py of the good configuration is new.
    assert sorted(path.name for path in checkout.iterdir()) == sorted([*before, "config.py"])


def test_config_py_is_made_anew_exactly_when_it_must_be(make, checkout):
    good(make("defconfig-smoke"))
    assert "config.py written" in good(make("config.py"))
    assert "config.py written" not in good(make("config.py"))
    good(make("defconfig-smoke+seeds3"))
    assert "config.py written" in good(make("config.py"))
    assert "CONFIG_SEEDS = 3\n" in (checkout / "config.py").read_text()


def test_config_py_follows_the_content_and_not_the_time(make, checkout):
    good(make("defconfig-smoke"))
    before = (checkout / ".config").read_text()
    good(make("defconfig-smoke+seeds3"))
    good(make("config.py"))
    # As `cp -p` puts back an older file.
    (checkout / ".config").write_text(before)
    os.utime(checkout / ".config", (1e9, 1e9))
    good(make("config.py"))
    assert "CONFIG_SEEDS = 1\n" in (checkout / "config.py").read_text()


def test_a_configuration_that_is_gone_is_told_though_config_py_stands(make, checkout):
    good(make("defconfig-smoke"))
    good(make("config.py"))
    (checkout / ".config").unlink()
    for goal in ("prepare-data", "dry-run", "report", "train"):
        done = make(goal, "DATASET=shakespeare-char")
        assert done.returncode == 2
        assert "make defconfig-NAME" in done.stderr, goal
    assert not (checkout / "data").exists()


NAMES = (
    "deterministic.config",
    "smoke_defconfig",
    "explain-SEED",
    "parallel-4",
    "a b$c#d:e%.config",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_of_any_name_is_read_and_left_alone(make, checkout, name):
    """Also with a name that a pattern of Make would take for a command."""
    good(make("defconfig-smoke", f"KCONFIG_CONFIG={name}"))
    before = (checkout / name).read_bytes()
    assert b"CONFIG_MAX_ITERS=20\n" in before
    for words, environment in (((), {"KCONFIG_CONFIG": name}), ((f"KCONFIG_CONFIG={name}",), {})):
        assert "config.py written" in good(make("config.py", *words, **environment))
        (checkout / "config.py").unlink()
    assert (checkout / name).read_bytes() == before
    assert not (checkout / ".config").exists()


def test_a_file_with_the_name_of_a_command_does_not_stand_for_it(make, checkout):
    goals = ("smoke_defconfig", "defconfig-smoke", "deterministic.config", "explain-SEED")
    for goal in goals:
        (checkout / goal).touch()
        assert good(make(goal)) != ""
        assert "up to date" not in good(make(goal))


def test_cleaning_never_touches_results_or_data(make, checkout):
    good(make("defconfig-smoke"))
    good(make("config.py"))
    for name in ("results/runs/a", "data/b"):
        (checkout / name).mkdir(parents=True)
        (checkout / name / "file.json").write_text("{}")
    good(make("clean"))
    assert (checkout / ".config").is_file()
    assert not (checkout / "config.py").exists()
    good(make("mrproper"))
    assert not (checkout / ".config").exists()
    assert (checkout / "results" / "runs" / "a" / "file.json").is_file()
    assert (checkout / "data" / "b" / "file.json").is_file()


def test_the_answer_may_stand_after_make(make, checkout):
    """YES=1 reached the tools from before `make` alone, though help shows it after."""
    good(make("defconfig-smoke"))
    matrix = checkout / "results" / "matrices" / "m-12345678"
    matrix.mkdir(parents=True)
    (matrix / "matrix.json").write_text('{"id": "m-12345678", "runs": []}')
    good(make("results-clean", "YES=1"))
    assert not matrix.exists()
    (checkout / "kept").write_text("CONFIG_SEED=7\n")
    good(make("allnoconfig", "KCONFIG_ALLCONFIG=kept"))
    assert "\nCONFIG_SEED=7\n" in (checkout / ".config").read_text()


def test_cleaning_deletes_only_what_was_made_here(make, checkout):
    """Files of these names that a person wrote, or keeps elsewhere, stay, and are named."""
    good(make("defconfig-smoke"))
    good(make("config.py"))
    good(make("savedefconfig"))
    cached = checkout / "lib" / "__pycache__"
    cached.mkdir(exist_ok=True)
    (cached / "a.cpython-311.pyc").write_text("")
    (cached / "theirs.txt").write_text("")
    (checkout / ".config").rename(checkout / "kept")
    (checkout / ".config").symlink_to("kept")
    good(make("mrproper"))
    for name in ("defconfig", "config.py", ".config"):
        assert not (checkout / name).is_symlink()
        assert not (checkout / name).exists(), name
    assert (checkout / "kept").is_file(), "what a link points to"
    assert [path.name for path in cached.iterdir()] == ["theirs.txt"]
    for name in ("defconfig", "config.py", ".config", ".config.old"):
        (checkout / name).write_text("# my own\nCONFIG_SEED=7\n")
    told = good(make("mrproper"))
    for name in ("defconfig", "config.py", ".config", ".config.old"):
        assert (checkout / name).is_file()
        assert f"{name} stays" in told


def test_the_configuration_of_a_run_that_was_copied_is_made_here(make, checkout, tree):
    run = RunDirectory(checkout / "run")
    run.freeze(tree.resolve([]))
    (checkout / ".config").write_text((run.path / ".config").read_text())
    good(make("mrproper"))
    assert not (checkout / ".config").exists()


def test_make_n_trains_nothing(make, checkout):
    good(make("defconfig-smoke"))
    text = good(make("-n", "test-matrix"))
    assert text.count("gpt2/train.py") == 4
    assert not list((checkout / "results" / "runs").glob("*/run.json"))


def test_an_option_is_explained(make):
    text = good(make("explain-PRUNING_BEGIN_PCT"))
    assert "per cent of the steps" in text
    assert "lib/pruning/Kconfig" in text


def test_a_trained_model_writes(make, checkout):
    """A name that no run has, a prompt with everything in it, and an option that is none."""
    good(make("defconfig-smoke"))
    none = make(
        "sample", "RUN=adamw", 'PROMPT=it\'s $5, "so"; touch pwned `touch pwned`', "TOKENS=3"
    )
    assert none.returncode == 2
    assert "RUN=adamw names no run" in none.stderr
    assert not (checkout / "pwned").exists()
    assert "Which run?" in make("sample").stderr
    wrong = make("sample", "RUN=adamw", "MAX_ITERS=3")
    assert "--max-iters does not concern this command" in wrong.stderr
    elsewhere = make("dry-run", "TOKENS=3")
    assert "there is no symbol TOKENS" in elsewhere.stderr


@pytest.mark.parametrize("goal", ["hellaswag", "latency"])
def test_a_trained_model_is_asked_and_timed(make, goal):
    good(make("defconfig-smoke"))
    none = make(goal, "RUN=adamw", "LIMIT=5") if goal == "hellaswag" else make(goal, "RUN=adamw")
    assert none.returncode == 2
    assert "RUN=adamw names no run" in none.stderr


def test_runs_side_by_side(make, checkout):
    """Names that no run has, values with everything in them, and options that are none."""
    asked = make("compare")
    assert asked.returncode == 2
    assert 'Which runs? make compare RUNS="a b c"' in asked.stderr
    none = make("compare", "RUNS=a b; touch pwned $(touch pwned)")
    assert none.returncode == 2
    assert "RUNS=a names no run" in none.stderr
    assert "LATEST=`touch pwned` is no number" in make("compare", "LATEST=`touch pwned`").stderr
    assert not (checkout / "pwned").exists()
    assert not (checkout / "results").exists()
    assert "MAX_ITERS does not concern" in make("compare", "LATEST=2", "MAX_ITERS=3").stderr
    assert "No run has ended in" in make("compare", "LATEST=2", "RESULTS_DIR=elsewhere").stderr
    good(make("defconfig-smoke"))
    assert "there is no symbol LATEST" in make("dry-run", "LATEST=3").stderr
