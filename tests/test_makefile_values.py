"""What people write after `make` reaches the programs as it was written, and nothing else does."""

import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Shows what it was called with in place of doing it.
SPY = f"""#!{sys.executable} -IS
import json, os, sys
with open(os.environ["SPY"], "a") as file:
    file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
"""

# Pieces that Make, a shell or a file of theirs would read as something else.
PIECES = (
    *("$", "$$", "$(", ")", "${HOME}", "$(shell touch pwned)", "$(MAKEFLAGS)", "$@", "$1"),
    *("`touch pwned`", "'", '"', "\\", "\\\n", "\n", "\r", "\t", " ", " -- A=b", "#", "%", "*"),
    *(":", "=", ":=", ";", "&", "|", "<", ">", "~", "!", "?", "[a]", "{a,b}", "-k", "\x01", "\x7f"),
    *("\u00e9", "\u6f22", "\U0001f600", "word", "0"),
)
# Make takes blanks at the beginning for its own.
VALUES = st.lists(st.sampled_from(PIECES), max_size=8).map(lambda found: "".join(found).lstrip())


@pytest.fixture
def spied(checkout, tmp_path):
    """spied(*words, **environment) -> what each program was called with, and its environment."""
    folder = tmp_path / "a b'$c"
    folder.mkdir()
    spy, log = folder / "python", tmp_path / "calls"
    spy.write_text(SPY)
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)

    def call(*words, **environment):
        log.write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "KCONFIG"))}
        done = subprocess.run(
            ["make", f"PYTHON={spy}", *words],
            cwd=checkout,
            env=kept | {"SPY": str(log)} | environment,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in log.read_text().splitlines()]

    return call


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=4, max_size=4))
def test_every_value_arrives_as_it_was_written(spied, checkout, values):
    prompt, run, path, config = values
    words = [f"PROMPT={prompt}", f"RUN={run}", f"CUSTOM_PATH={path}", f"KCONFIG_CONFIG={config}"]
    # The second goal begins a make of its own.
    calls = spied("sample", "parallel-2", *words, CUSTOM_PATH="mine", COUNT="3", PROMPT_FILE="mine")
    assert [arguments[2] for arguments, _ in calls].count("matrix") == 1
    for arguments, environment in calls:
        if "gpt2.sample" in arguments:
            assert arguments[3:] == [f"--run={run}", f"--prompt={prompt}"]
        assert environment["BITTERBENCH_MAKE"] == "make"
        assert environment["BITTERBENCH_GIVEN_CUSTOM_PATH"] == path
        assert "CUSTOM_PATH" in environment["BITTERBENCH_OVERRIDES"].split()
        assert environment["KCONFIG_CONFIG"] == (config or ".config")
        # Under its own name it would be expanded once more.
        assert environment.get("CUSTOM_PATH") in (None, "mine")
    assert not (checkout / "pwned").exists()


def test_nothing_that_is_exported_is_a_wish(spied):
    names = (
        "RUN",
        "PROMPT",
        "TARGET",
        "EXTRAS",
        "FAST",
        "WRITE",
        "DEVICE",
        "A",
        "B",
        "LIMIT",
        "OUT",
    )
    exported = dict.fromkeys(names, "exported") | {"run": "false", "VENV": "false", "said": "false"}
    exported |= {"BITTERBENCH_GIVEN_RUN": "old", "BITTERBENCH_OVERRIDES": "SEED", "python": "false"}
    goals = ("sample", "hellaswag", "bench", "diffconfig", "test-rerun", "check-mutants", "export")
    for flags in ((), ("-e",)):
        calls = spied(*flags, *goals, **exported)
        assert len(calls) == len(goals) + 1
        for arguments, environment in calls:
            assert "exported" not in "".join(arguments), arguments
            assert environment["BITTERBENCH_OVERRIDES"] == ""
            assert not [name for name in environment if name.startswith("BITTERBENCH_GIVEN_R")]


def test_what_a_tool_reads_by_its_own_name_arrives(spied):
    """YES and what begins with KCONFIG_: said after make or exported, they are the same."""
    values = {"YES": "1", "KCONFIG_SEED": "0x5", "KCONFIG_PROBABILITY": "$(a) $b"}
    for words, exported in (([f"{k}={v}" for k, v in values.items()], {}), ((), values)):
        ((_, environment),) = spied("data-clean", *words, **exported)
        assert {name: environment.get(name) for name in values} == values


def test_a_variable_of_ours_cannot_be_given(spied):
    """It is an option that does not exist, for the tool to say so."""
    for word in ("run=touch pwned", "tool=touch pwned", "python=touch pwned", "options=SEED"):
        calls = spied("dry-run", word)
        assert len(calls) == 2
        arguments, environment = calls[1]
        assert arguments == ["-m", "scripts", "matrix", "plan"]
        assert environment["BITTERBENCH_OVERRIDES"] == word.partition("=")[0]


HOSTILE = {
    "PYTHONSAFEPATH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONNOUSERSITE": "1",
    "PYTHONHASHSEED": "7",
    "TERM": "xterm-nobody-knows",
    "CDPATH": "/",
}


def test_an_environment_of_any_kind(make, checkout, tmp_path):
    """Also with packages of other people that are called as ours."""
    for name in ("lib", "gpt2", "scripts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')")
    hostile = HOSTILE | {"PYTHONPATH": str(tmp_path)}
    for words in (("defconfig-smoke",), ("dry-run", "MATRIX_NAME=a"), ("status",)):
        done = make(*words, **hostile)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_the_runs_are_given_to_the_make_that_was_called(make, checkout, tmp_path):
    """Not to the one that PATH finds, and without `-B` or what Make would expand once more."""
    (tmp_path / "bin").mkdir()
    other, real = tmp_path / "bin" / "make", tmp_path / "real make"
    other.write_text("#!/bin/sh\necho another make >&2\nexit 9\n")
    real.write_text('#!/bin/sh\necho "MAKEFLAGS=$MAKEFLAGS" "$@" >&2\n')
    for program in (other, real):
        program.chmod(0o755)
    good = make("defconfig-smoke")
    assert good.returncode == 0
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    code = f"import os, sys; os.environ['BITTERBENCH_MAKE'] = {str(real)!r}; "
    code += "os.environ['MAKEFLAGS'] = 'Bn -j4 --jobserver-auth=3,4 -- A=$(shell touch pwned)'; "
    code += "from scripts.matrix.__main__ import main; sys.exit(main(['run']))"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert "MAKEFLAGS=n -j4 --jobserver-auth=3,4 -k --no-print-directory -C" in done.stderr
    assert "another make" not in done.stderr


def test_make_B_installs_nothing_again_and_finds_the_interpreter(make, checkout):
    """Each stamp holds what was installed: newer times, or `-B`, are no reason."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *pip*) exit 9;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    requirements = (checkout / "requirements.txt").read_bytes()
    extra = (checkout / "requirements-trackers.txt").read_bytes()
    (checkout / ".venv" / "installed").write_bytes(requirements)
    (checkout / ".venv" / "installed-trackers").write_bytes(extra + requirements)
    for path in checkout.glob(".venv/installed*"):
        os.utime(path, (1e9, 1e9))
    for words in (("setup", "EXTRAS=trackers"), ("-B", "setup"), ("-B", "defconfig-smoke")):
        done = make(*words, python=None)
        assert done.returncode == 0, done.stderr
    (checkout / "requirements.txt").write_text("changed\n")
    assert make("setup", python=None).returncode == 2
