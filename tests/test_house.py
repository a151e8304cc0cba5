"""Rules of the house that a machine can check: layers, start-up cost, no dead option."""

import ast
import re
import subprocess
import sys

import pytest

from lib.cli import ROOT
from lib.kconfig.aliases import ALIASES, TRACKER

ROOMS = ("lib", "gpt2", "scripts")
# Who may import whom: scripts -> gpt2 -> lib.
FORBIDDEN = {"lib": {"gpt2", "scripts"}, "gpt2": {"scripts"}, "scripts": set()}
LONGEST_FILE_LINES = 400

# What people wait for: none of it may bring torch, and the fast ones bring no pandas either.
TORCHLESS = (
    *("scripts.gen_config", "scripts.matrix.__main__", "scripts.status", "scripts.clean"),
    *("scripts.report.__main__", "scripts.report.page", "gpt2.prepare_data", "gpt2.train"),
    *("scripts.report.compare.__main__", "scripts.report.compare.page"),
    *("gpt2.sample", "gpt2.hellaswag", "gpt2.latency", "gpt2.questions.results"),
    *("gpt2.export", "gpt2.exchange.source"),
    *("scripts.kconfig.refresh", "scripts.kconfig.load", "scripts.kconfig.edit_screen"),
)


def sources(*rooms):
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path):
    """The top-level packages that a file imports, however."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_layers(room):
    for path in sources(room):
        assert not FORBIDDEN[room] & set(imports(path)), path


def test_only_lib_kconfig_knows_kconfiglib_and_it_knows_no_torch():
    for path in sources(*ROOMS):
        in_kconfig = path.is_relative_to(ROOT / "lib" / "kconfig")
        assert not (in_kconfig and "torch" in imports(path)), path
        assert in_kconfig or "kconfiglib" not in imports(path), path


def test_no_file_is_long():
    for path in sources(*ROOMS):
        assert len(path.read_text().splitlines()) <= LONGEST_FILE_LINES, path
    assert len((ROOT / "Makefile").read_text().splitlines()) < 120


def test_start_up_paths_never_import_torch():
    """One child imports them all; who is to blame is found by importing them one by one."""

    def brings_torch(*modules):
        code = "import importlib, sys\n"
        code += f"for name in {modules!r}: importlib.import_module(name)\n"
        code += "print('torch' in sys.modules)"
        return _python(code) == "True"

    assert not brings_torch(*TORCHLESS), [name for name in TORCHLESS if brings_torch(name)]


def test_the_text_scoreboard_and_the_plan_bring_no_pandas():
    code = (
        "import sys, scripts.matrix.__main__, scripts.report.__main__, scripts.kconfig.refresh\n"
        "print(sorted({'pandas', 'matplotlib', 'tiktoken', 'rich'} & set(sys.modules)))"
    )
    assert _python(code) == "[]"


def _python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def kconfig_text(tree):
    """All files that the tree is made of."""
    files = {symbol.place.rpartition(":")[0] for symbol in tree.symbols.values()}
    return "\n".join((ROOT / name).read_text() for name in sorted(files))


def test_every_option_reaches_its_consumer(tree):
    """No dead option: the code reads each symbol, or the group that the symbol is a member of; or
    the default of another option asks for it."""
    defaults = re.findall(r"^\s+default .* if .*$", kconfig_text(tree), re.MULTILINE)
    code = "\n".join(path.read_text() for path in sources(*ROOMS))
    for name, symbol in tree.symbols.items():
        wanted = symbol.group or name
        read = re.search(rf"""["']{wanted}["']|\bconfig\.{wanted}\b""", code)
        asked = any(re.search(rf"\b{wanted}(_|\b)", default) for default in defaults)
        assert read or asked, f"nobody reads {wanted}"


def test_the_documents_name_no_option_that_is_gone(tree):
    """What the documents tell people to type exists."""
    known = set(tree.symbols) | set(tree.groups) | {TRACKER, *ALIASES}
    known |= {"PYTHON", "TARGET", "WRITE", "FAST", "YES", "EXTRAS"}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for command in re.findall(r"`make ([^`]*)`", page.read_text()):
            for name in re.findall(r"\b([A-Z][A-Z0-9_]+)=", command):
                is_tool = name.startswith("KCONFIG_") or name in (
                    "TORCH_INDEX",
                    "BASE_PYTHON",
                    "A",
                    "B",
                    "LAUNCHER",
                    "DATA_MIRROR",
                    *("RUN", "RUNS", "LATEST", "CHECKPOINT", "LIMIT", "FORMAT", "OUT"),
                    *("PROMPT", "PROMPT_FILE", "COUNT", "TEMPERATURE", "TOP_K", "TOP_P", "TOKENS"),
                )
                assert is_tool or name in known, f"{page.name}: {name}"
