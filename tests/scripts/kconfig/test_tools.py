"""The tools as users meet them: exit status, one sentence, and what is written."""

import os
import subprocess
import sys

import pytest

from lib.kconfig import read_config_py

HEADER = "# bitterbench configuration, generated; edit with `make menuconfig`\n"

NEED_A_CONFIG = [
    ("kconfig.refresh",),
    ("kconfig.ask",),
    ("kconfig.merge", "cpu"),
    ("kconfig.save_minimal",),
    ("kconfig.list_new",),
    ("gen_config",),
]


def ok(result: subprocess.CompletedProcess[str]) -> str:
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def without_digest(text: str) -> str:
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("# as written: ")
    )


@pytest.mark.parametrize("command", NEED_A_CONFIG)
def test_without_a_config_one_sentence_two_commands_status_1(tool, files, command):
    before = files()
    result = tool(*command)
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "make menuconfig" in result.stderr
    assert "make defconfig-NAME" in result.stderr
    assert files() == before


@pytest.mark.parametrize("command", [*NEED_A_CONFIG, ("kconfig.explain", "SEED")])
def test_a_wrong_config_is_refused_and_nothing_written(tool, project, files, command):
    (project / ".config").write_text("CONFIG_NOSUCH=y\nCONFIG_SEED=010\n")
    before = files()
    result = tool(*command)
    assert result.returncode == 2
    assert result.stdout == ""
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert places == [".config:1", ".config:2"]
    assert files() == before


def test_load_quick_with_fragments_and_the_command_line(tool, project):
    overrides = {"BITTERBENCH_OVERRIDES": "EPOCHS", "BITTERBENCH_GIVEN_EPOCHS": "3"}
    told = ok(tool("kconfig.load", "quick+cpu+seed", **overrides)).splitlines()
    place = "defconfigs/fragments/seed.config:1: "
    assert told[0] == f"{place}SEED=8 overrides SEED=7 (defconfigs/quick:4)"
    assert told[1] == ".config written from quick+cpu+seed EPOCHS=3"
    text = (project / ".config").read_text()
    assert text.startswith(f"{HEADER}# from: quick+cpu+seed EPOCHS=3\n")
    for line in ("CONFIG_SEED=8", "CONFIG_DEVICE_CPU=y", "CONFIG_NUM_EPOCHS=3"):
        assert f"{line}\n" in text
    assert "CONFIG_MAX_ITERS" not in text


def test_load_an_unknown_name(tool, files):
    before = files()
    result = tool("kconfig.load", "quik")
    assert (result.returncode, files()) == (2, before)
    assert result.stderr == "quik: there is no defconfig of this name; did you mean quick\n"


def test_load_refuses_a_fragment_that_does_not_come_true(tool, project, files):
    (project / "defconfigs/fragments/gpu.config").write_text("CONFIG_TF32=y\n")
    before = files()
    result = tool("kconfig.load", "quick+gpu")
    assert (result.returncode, files()) == (2, before)
    assert "defconfigs/fragments/gpu.config:1: TF32=y wants DEVICE_CUDA (=n)" in result.stderr


def test_refresh_is_a_fixed_point_and_names_what_is_new(tool, project):
    ok(tool("kconfig.load", "quick"))
    path = project / ".config"
    os.utime(path, (1, 1))
    assert ok(tool("kconfig.refresh")) == ""
    assert path.stat().st_mtime == 1

    text = path.read_text()
    path.write_text(text.replace("CONFIG_SEED=7\n", "").replace("\n", "\r\n"), newline="")
    expected = ".config brought up to date; defaults taken for SEED\n"
    assert ok(tool("kconfig.refresh")) == expected
    expected = text.replace("CONFIG_SEED=7", "CONFIG_SEED=1337")
    expected = expected.replace("# asked for: SEED 7\n", "")
    assert without_digest(path.read_text()) == without_digest(expected)


def test_an_edit_by_hand_is_told_by_what_reads_it_next(tool, project):
    fragment = project / "defconfigs/fragments/gpu.config"
    fragment.write_text("CONFIG_DEVICE_CUDA=y\nCONFIG_MEMORY_GIB=8\n")
    ok(tool("kconfig.load", "quick+gpu"))
    path = project / ".config"
    text = path.read_text().replace("CONFIG_DEVICE_CUDA=y", "# CONFIG_DEVICE_CUDA is not set")
    path.write_text(text.replace("# CONFIG_DEVICE_CPU is not set", "CONFIG_DEVICE_CPU=y"))
    # Make brings config.py up to date before a command that says it.
    assert ok(tool("gen_config")) == "config.py written\n"
    result = tool("kconfig.refresh")
    hidden = ".config was edited, which hides what was asked for: MEMORY_GIB=8"
    assert (result.returncode, result.stderr) == (0, f"note: {hidden}\n")
    assert "MEMORY_GIB" not in path.read_text()
    assert ok(tool("kconfig.refresh")) == ""


def test_kconfig_config_names_another_file(tool, project, files):
    ok(tool("kconfig.load", "quick", KCONFIG_CONFIG="mine"))
    assert (project / "mine").exists()
    assert not (project / ".config").exists()
    assert ok(tool("kconfig.refresh", KCONFIG_CONFIG="mine")) == ""
    assert tool("kconfig.refresh").returncode == 1


def test_warnings_instead_of_errors(tool, project):
    (project / ".config").write_text("CONFIG_NOSUCH=y\nCONFIG_SEED=3\n")
    result = tool("kconfig.refresh", KCONFIG_WERROR="0")
    assert result.returncode == 0
    assert result.stderr.startswith("warning: .config:1: there is no symbol NOSUCH")
    assert "CONFIG_SEED=3\n" in (project / ".config").read_text()
    assert "CONFIG_NOSUCH=y\n" in (project / ".config.old").read_text()


def test_merge(tool, project):
    ok(tool("kconfig.load", "quick"))
    told = ok(tool("kconfig.merge", "cpu", "seed.config"))
    assert "SEED=8 replaces SEED=7\n" in told
    text = (project / ".config").read_text()
    assert text.startswith(f"{HEADER}# from: quick+cpu+seed\n")
    assert "CONFIG_DEVICE_CPU=y\n" in text


def test_merge_tells_what_it_hides(tool, project):
    (project / ".config").write_text("CONFIG_DEVICE_CUDA=y\nCONFIG_MEMORY_GIB=8\n")
    result = tool("kconfig.merge", "cpu")
    assert result.returncode == 0
    assert "note: .config:2: MEMORY_GIB=8 wants DEVICE_CUDA || EXPERT" in result.stderr


def test_save_minimal_writes_defconfig_only(tool, project, files):
    ok(tool("kconfig.load", "quick"))
    before = files()
    ok(tool("kconfig.save_minimal"))
    after = files()
    header, *lines = after.pop("defconfig").decode().splitlines()
    assert header.startswith("# Written by `make savedefconfig`")
    assert lines == (project / "defconfigs/quick").read_text().splitlines()[3:]
    assert after == before


def test_list_new(tool, project, files):
    ok(tool("kconfig.load", "quick"))
    path = project / ".config"
    path.write_text(path.read_text().replace("CONFIG_SEED=7\n", ""))
    before = files()
    assert ok(tool("kconfig.list_new")) == "CONFIG_SEED=1337\n"
    assert "SEED: Seed\n  type:    int\n" in ok(tool("kconfig.list_new", "--help-texts"))
    assert files() == before


@pytest.mark.parametrize(
    ("flavour", "bias"), [("no", "n"), ("yes", "y"), ("mod", "y"), ("def", "y")]
)
def test_set_all(tool, project, flavour, bias):
    ok(tool("kconfig.set_all", flavour))
    line = "CONFIG_BIAS=y\n" if bias == "y" else "# CONFIG_BIAS is not set\n"
    assert line in (project / ".config").read_text()


def test_set_all_honours_its_preset(tool, project, files):
    (project / "preset").write_text("CONFIG_BIAS=y\n")
    ok(tool("kconfig.set_all", "no", KCONFIG_ALLCONFIG="preset"))
    assert "CONFIG_BIAS=y\n" in (project / ".config").read_text()
    before = files()
    result = tool("kconfig.set_all", "no", KCONFIG_ALLCONFIG="1")
    assert (result.returncode, files()) == (2, before)
    assert "allno.config" in result.stderr


def test_randomize_prints_the_seed_that_makes_it_again(tool, project):
    seed = ok(tool("kconfig.randomize")).splitlines()[0].removeprefix("KCONFIG_SEED=")
    text = (project / ".config").read_text()
    ok(tool("kconfig.randomize", KCONFIG_SEED=seed))
    assert (project / ".config").read_text() == text
    assert ok(tool("kconfig.refresh")) == ""


def test_diff(tool, project):
    ok(tool("kconfig.load", "quick"))
    ok(tool("kconfig.load", "quick+seed"))
    assert ok(tool("kconfig.diff")) == " SEED 7 -> 8\n"
    assert ok(tool("kconfig.diff", ".config", ".config")) == ""
    assert tool("kconfig.diff", ".config").returncode == 2
    assert tool("kconfig.diff", ".config", "nosuch").returncode == 2


def test_list_defconfigs(tool):
    told = ok(tool("kconfig.list_defconfigs"))
    assert "defconfigs:\n  quick  The quick one.\n" in told
    assert "fragments:\n  cpu    On the processor.\n  seed\n" in told


def test_explain(tool, project):
    assert "SEED: Seed\n  type:    int\n  value:   1337\n" in ok(tool("kconfig.explain", "SEED"))
    ok(tool("kconfig.load", "quick"))
    assert "source:  .config:" in ok(tool("kconfig.explain", "SEED", "OPTIMIZER"))
    result = tool("kconfig.explain", "SEEED")
    assert (result.returncode, result.stdout) == (2, "")
    assert "did you mean SEED" in result.stderr


def test_check_defconfigs(tool, project):
    assert "1 defconfigs and 2 fragments" in ok(tool("kconfig.check_defconfigs"))
    (project / "defconfigs" / "wrong").write_text("# c\nCONFIG_SEED=1337\n")
    (project / "defconfigs" / "worse").write_text("# c\nCONFIG_TF32=y\n")
    (project / "defconfigs" / "fragments" / "bad.config").write_text("CONFIG_NOSUCH=y\n")
    (project / ".config.example").write_text("CONFIG_SEED=010\n")
    result = tool("kconfig.check_defconfigs")
    assert result.returncode == 2
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert places == [
        ".config.example:1",
        "defconfigs/fragments/bad.config:1",
        "defconfigs/worse:2",
        "defconfigs/wrong",
    ]


def test_gen_config_writes_exactly_when_the_content_changes(tool, project):
    ok(tool("kconfig.load", "quick"))
    assert ok(tool("gen_config")) == "config.py written\n"
    path = project / "config.py"
    assert read_config_py(path).SEED == 7
    os.utime(path, (1, 1))
    os.utime(project / ".config", None)
    assert ok(tool("gen_config")) == ""
    assert path.stat().st_mtime == 1
    ok(tool("kconfig.merge", "seed"))
    ok(tool("gen_config"))
    assert read_config_py(path).SEED == 8


# Line by line


def test_ask_for_what_is_new(tool, project):
    ok(tool("kconfig.load", "quick"))
    path = project / ".config"
    path.write_text(path.read_text().replace("CONFIG_SEED=7\n", ""))
    told = ok(tool("kconfig.ask", stdin="0x2\n42\n"))
    assert told.startswith("Seed (SEED) [1337] answer: SEED=0x2 is no whole decimal number")
    assert "CONFIG_SEED=42\n" in path.read_text()
    assert ok(tool("kconfig.ask")) == ".config is unchanged\n"


def test_ask_for_all_without_a_config(tool, project):
    ok(tool("kconfig.ask", "--all", stdin="\n" * 100))
    assert "CONFIG_SEED=1337\n" in (project / ".config").read_text()


def test_the_end_of_input_is_a_sentence(tool, files):
    before = files()
    result = tool("kconfig.ask", "--all", stdin="\n\n")
    assert (result.returncode, files()) == (2, before)
    assert result.stderr.startswith(".config: the input ended at DROPOUT, and nothing was written")


# Ends without a traceback


def test_ctrl_c_is_130_and_writes_nothing(project, environment, files):
    before = files()
    command = [sys.executable, "-m", "scripts.kconfig.ask", "--all"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=project, env=environment, text=True, **pipes) as process:
        # The first question means that the tool is up and waits.
        process.stdout.read(len("Model (MODEL)"))
        process.send_signal(2)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) == 1
    assert files() == before


def test_a_reader_that_leaves_is_no_error(project, environment):
    command = f"{sys.executable} -m scripts.kconfig.list_defconfigs | true"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_sentence(tool, project):
    project.chmod(0o500)
    result = tool("kconfig.load", "quick")
    project.chmod(0o700)
    assert result.returncode == 74
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_in_place_of_config(tool, project):
    (project / ".config").mkdir()
    for command in ("kconfig.refresh", "gen_config"):
        result = tool(command)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert "is a folder" in result.stderr


def test_help_is_the_docstring(tool):
    assert "olddefconfig" in ok(tool("kconfig.refresh", "--help"))


def test_outside_the_top_folder(tool, project):
    (project / "Kconfig").unlink()
    result = tool("kconfig.set_all", "def")
    assert result.returncode == 2
    assert "holds no Kconfig file" in result.stderr


def test_no_tool_imports_torch_or_more_than_it_needs(project, environment):
    modules = "refresh, load, explain, list_defconfigs, edit_screen, ask"
    program = f"from scripts.kconfig import {modules}\nimport sys\n"
    program += "print(*(set(sys.modules) & {'torch', 'jinja2', 'curses', 'numpy'}))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("\n", "")
