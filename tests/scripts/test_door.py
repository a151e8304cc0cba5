"""Every tool ends in a sentence where Python or a package is not what it needs."""

import re
import subprocess
import sys

import pytest

from lib.cli import ROOT

# What the Makefile calls.
TOOLS = sorted(
    {
        name
        for path in (ROOT / "scripts" / "make").glob("*.mk")
        for name in re.findall(r"\$\(run\) ([a-z_0-9.]+)", path.read_text())
        if name != "kconfig"
    }
)


def door(*arguments, hide=()):
    """Run a tool in an interpreter that has not got the packages in `hide`."""
    code = (
        "import sys, runpy\n"
        f"for name in {tuple(hide)!r}: sys.modules[name] = None\n"
        "sys.argv[0] = 'scripts'\n"
        "runpy.run_module('scripts', run_name='__main__', alter_sys=True)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_the_makefile_names_tools_that_exist():
    assert {"matrix", "status", "doctor", "report", "gpt2.prepare_data"} <= set(TOOLS)
    for name in TOOLS:
        module = name if name.startswith("gpt2.") else f"scripts.{name}"
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


@pytest.mark.parametrize("package", ["kconfiglib", "numpy", "rich", "jinja2", "torch"])
@pytest.mark.parametrize("name", ["status", "matrix", "doctor", "docs"])
def test_a_missing_package_is_a_sentence(name, package):
    # Whether a tool needs the package at all is not asked: it must only never end in a traceback.
    arguments = ["plan"] if name == "matrix" else ["--check"] if name == "docs" else []
    done = door(name, *arguments, hide=[package])
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)
    if done.returncode == 2:
        assert package in done.stderr
        assert "make setup" in done.stderr


def test_an_old_python_is_a_sentence(monkeypatch, capsys):
    import scripts.__main__ as door_module

    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert door_module.main() == 2
    assert "is Python 3.9.18; 3.11 is the oldest" in capsys.readouterr().err


def test_no_tool_is_a_sentence():
    assert door().returncode == 2
    assert "usage" in door().stderr
