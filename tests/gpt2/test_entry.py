import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gpt2 import entry
from lib.cli import ROOT

PROGRAM = """
if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.program")

import os
import sys

import lib

print(repr((lib.__file__, os.getcwd(), sys.argv[1:], sys.flags.utf8_mode, __package__)))
sys.exit(7)
"""


@pytest.fixture
def tree(tmp_path):
    # PYTHONPATH would be split at the colon.
    root = tmp_path / "a:tree \u00e9"
    for package in ("gpt2", "lib"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").write_text("")
    shutil.copy(ROOT / "gpt2" / "entry.py", root / "gpt2")
    for name in ("cli.py", "output.py"):
        shutil.copy(ROOT / "lib" / name, root / "lib")
    (root / "gpt2" / "program.py").write_text(PROGRAM)
    return root


def run(program: Path, cwd: Path, *arguments, options=(), environ=None):
    command = [sys.executable, *options, str(program), *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | (environ or {}), capture_output=True, text=True
    )


def test_a_program_started_by_path_finds_the_packages(tree, tmp_path):
    answer = run(tree / "gpt2" / "program.py", tmp_path, "--a b", "c", options=("-X", "utf8"))
    assert answer.returncode == 7, answer.stderr
    expected = (str(tree / "lib" / "__init__.py"), str(tmp_path), ["--a b", "c"], 1, "gpt2")
    assert answer.stdout == f"{expected!r}\n"


def test_a_folder_of_the_same_name_does_not_take_our_place(tree, tmp_path):
    other = tmp_path / "elsewhere"
    (other / "lib").mkdir(parents=True)
    (other / "lib" / "__init__.py").write_text("raise SystemExit('the wrong lib')")
    answer = run(tree / "gpt2" / "program.py", other)
    assert answer.returncode == 7, answer.stderr
    answer = run(Path("../a:tree \u00e9/gpt2/program.py"), other, environ={"PYTHONPATH": "."})
    assert answer.returncode == 7, answer.stderr


def test_a_path_of_the_caller_is_kept(tree, tmp_path):
    (tmp_path / "extra.py").write_text("")
    program = tree / "gpt2" / "program.py"
    program.write_text(PROGRAM.replace("import lib", "import extra\nimport lib"))
    assert run(program, tree, environ={"PYTHONPATH": str(tmp_path)}).returncode == 7


def test_ctrl_c_while_it_imports_is_no_traceback(tree, tmp_path):
    program = tree / "gpt2" / "program.py"
    program.write_text(PROGRAM.replace("import lib", "raise KeyboardInterrupt"))
    answer = run(program, tmp_path)
    assert (answer.returncode, answer.stdout) == (130, "")
    assert answer.stderr == "Interrupted.\n"


def test_a_missing_package_names_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(entry, "NEEDED", ("no_such_package",))
    with pytest.raises(SystemExit) as caught:
        entry.run_as_module("gpt2.program")
    assert caught.value.code == 2
    assert "no_such_package is missing" in capsys.readouterr().err


def test_an_old_python_names_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(entry, "OLDEST_PYTHON", (4, 0))
    with pytest.raises(SystemExit) as caught:
        entry.run_as_module("gpt2.program")
    assert caught.value.code == 2
    assert "4.0 is the oldest. Run `make setup`" in capsys.readouterr().err


HOSTILE = {
    "PYTHONSAFEPATH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONINSPECT": "1",
    "PYTHONUTF8": "0",
}


def test_what_changes_the_interpreter_does_not_reach_the_program(tree, tmp_path):
    program = tree / "gpt2" / "program.py"
    program.write_text(f'"""Help."""\n{PROGRAM}'.replace("sys.exit(7)", "sys.exit(__doc__)"))
    for options, environ in (((), HOSTILE), (("-OO",), {}), (("-O", "-P"), {})):
        answer = run(program, tmp_path, options=options, environ=environ)
        assert answer.stderr == "Help.\n", options


def test_the_folder_of_a_program_is_no_place_of_other_packages(tree, tmp_path):
    (tree / "gpt2" / "of_ours.py").write_text("")
    program = tree / "gpt2" / "program.py"
    program.write_text(PROGRAM.replace("import lib", "import lib, of_ours"))
    answer = run(program, tree / "gpt2")
    assert "The Python package of_ours is missing" in answer.stderr


def test_make_and_the_programs_agree_on_what_is_not_handed_on():
    line = f"\nunexport {' '.join(entry.NOT_HANDED_ON)}\n"
    assert line in (ROOT / "Makefile").read_text()
