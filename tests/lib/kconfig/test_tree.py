import os
import subprocess
import sys

import pytest

from lib.kconfig import ConfigError, Policy, load_tree
from lib.kconfig.build import RESERVED_NAMES
from lib.kconfig.explain import explain
from lib.kconfig.reference import reference


def write(root, text: str) -> None:
    (root / "Kconfig").write_text(text)


def refusal(root, text: str) -> str:
    write(root, text)
    with pytest.raises(ConfigError) as caught:
        load_tree(root)
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_the_working_directory_and_the_environment_do_not_matter(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("srctree", "/nowhere")
    monkeypatch.setenv("CONFIG_", "OTHER_")
    before = dict(os.environ)
    tree = load_tree(root)
    assert dict(os.environ) == before
    assert "CONFIG_SEED=1337\n" in tree.resolve([]).text([])
    assert tree.files == ("Kconfig", "lib/Kconfig.arms", "lib/Kconfig.device", "lib/Kconfig.files")


def test_a_root_with_the_signs_of_a_pattern_in_its_name(root, tree, tmp_path):
    folder = root.rename(tmp_path / "a [b]* ? {c}:d")
    try:
        found = load_tree(folder, Policy()).symbols
    except ConfigError as error:
        found = error.problems
    assert list(found) == list(tree.symbols)


def test_the_environment_is_as_before_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.delenv("srctree", raising=False)
    refusal(tmp_path, "config\n")
    assert "srctree" not in os.environ


def test_symbols_carry_their_annotations_and_place(tree):
    symbol = tree.symbols["LEARNING_RATE"]
    assert (symbol.kind, symbol.prompt, symbol.file) == ("string", "Learning rate", "Kconfig")
    assert symbol.string_type.declaration == "float in (0, 10]"
    assert symbol.is_relevant
    assert not tree.symbols["LOG_INTERVAL"].is_relevant
    assert tree.symbols["PRUNING"].prompt is None


def test_groups_in_tree_order(tree):
    names = ["MODEL", "OPTIMIZER", "PRUNING_METHOD", "VARIANT", "DEVICE", "DTYPE"]
    assert list(tree.groups) == names
    assert tree.groups["OPTIMIZER"].kind == "axis"
    assert tree.groups["DEVICE"].values == ("auto", "cpu", "cuda")
    assert tree.symbols["DEVICE_CPU"].group == "DEVICE"


def test_no_kconfig_file(tmp_path):
    with pytest.raises(ConfigError, match="holds no Kconfig file"):
        load_tree(tmp_path)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("config A\n\tbool\n\tfoo\n", "Kconfig:3:", "couldn't parse"),
        ('config A\n\tbool "a" if\n', "Kconfig:2:", ""),
        ('source "nosuch"\n', "Kconfig:1:", "sources 'nosuch', which is not there"),
        ('config A\n\tbool "a"\n\tdepends on NOSUCH\n', "Kconfig:1:", "refers to NOSUCH"),
        ('config A\n\tbool "a"\n\tselect NOSUCH\n', "Kconfig:1:", "refers to NOSUCH"),
        ('config A\n\tint "a"\n\tdefault NOSUCH\n', "Kconfig:1:", "refers to NOSUCH"),
        ('config A\n\tint "a"\n\tdefault 0.1\n', "Kconfig:1:", "0.1"),
        ('config A\n\tint "a"\n', "Kconfig:1:", "needs a default"),
        ('config A\n\tstring "a"\n\tdefault "x"\n', "Kconfig:1:", "needs a `Type:` line"),
        ('config A\n\tbool "a"\n\thelp\n\t  Type: name\n', "Kconfig:1:", "only a string has"),
        (
            'config A\n\tstring "a"\n\tdefault "2"\n\thelp\n\t  Type: float in (0, 1]\n',
            "Kconfig:1:",
            'default "2" is out of range',
        ),
        ('config A\n\tbool "a"\n\thelp\n\t  Results: none\n', "Kconfig:1:", "unaffected"),
        (
            'config A\n\tint "a"\n\tdefault 1\n\thelp\n\t  Results: unaffected at n\n',
            "Kconfig:1:",
            "neutral at a value",
        ),
        (
            'choice\n\tprompt "c"\nconfig C_X\n\tbool "x"\n\thelp\n'
            "\t  Results: unaffected at n\nendchoice\n",
            "Kconfig:3:",
            "neutral at a value",
        ),
        (
            'choice\n\tprompt "c"\n\thelp\n\t  Results: unaffected at z\n'
            'config C_X\n\tbool "x"\nconfig C_Y\n\tbool "y"\nendchoice\n',
            "Kconfig:1:",
            "`z` is none of its values, x, y",
        ),
        (
            'choice\n\tprompt "c"\n\thelp\n\t  Type: name\nconfig C_X\n\tbool "x"\nendchoice\n',
            "Kconfig:1:",
            "takes only `Results:`",
        ),
        (
            'config A\n\tint "a"\n\tdefault 1\n\thelp\n\t  Results: unaffected at auto\n',
            "Kconfig:1:",
            "neutral at a value",
        ),
        (
            'config A\n\tstring "a"\n\tdefault "b"\n\thelp\n\t  Type: name\n'
            "\t  Results: unaffected at empty\n",
            "Kconfig:1:",
            "a string that may be empty",
        ),
        (
            'config A\n\tstring "a"\n\thelp\n\t  Type: name or empty\n'
            "\t  Results: unaffected at b\n",
            "Kconfig:1:",
            "neutral at a value",
        ),
        ('config A_B\n\tint "a"\n\tdefault 1\n\thelp\n\t  Axis: A\n', "Kconfig:1:", "only a bool"),
        ('config B\n\tbool "a"\n\thelp\n\t  Axis: A\n', "Kconfig:1:", "begins with A_"),
        ('config A\n\ttristate "a"\n', "Kconfig:1:", "is a tristate"),
        ('config A\n\tbool "a"\nconfig A\n\tbool "b"\n', "Kconfig:1:", "more than one definition"),
        ("config HASH\n\tbool\n", "Kconfig:1:", "needs for itself"),
        ('config A\n\tstring\n\toption env="HOME"\n', "Kconfig:1:", "environment"),
        (
            'choice\n\tprompt "c"\nconfig X\n\tbool "x"\nconfig Y\n\tbool "y"\nendchoice\n',
            "Kconfig:1:",
            "share no prefix",
        ),
        (
            'choice\n\tprompt "c"\n\toptional\nconfig C_X\n\tbool "x"\nendchoice\n',
            "Kconfig:1:",
            "is optional",
        ),
        (
            'config C\n\tbool "c"\nchoice\n\tprompt "c"\nconfig C_X\n\tbool "x"\nendchoice\n',
            "Kconfig:3:",
            "is named C, as is what stands at Kconfig:1",
        ),
        (
            'choice\n\tprompt "c"\nconfig C_X\n\tbool "x"\nendchoice\n'
            'config C_Y\n\tbool "y"\n\thelp\n\t  Axis: C\n',
            "Kconfig:6:",
            "is named C, as is what stands at Kconfig:1",
        ),
        (
            'choice\n\tprompt "c"\nconfig C_X\n\tbool "x"\n\thelp\n\t  Results: unaffected\n'
            'config C_Y\n\tbool "y"\nendchoice\n',
            "Kconfig:1:",
            "some do not",
        ),
        (
            'config C_X\n\tbool "x"\n\thelp\n\t  Axis: C\n\t  Results: unaffected\n'
            'config C_Y\n\tbool "y"\n\thelp\n\t  Axis: C\n',
            "Kconfig:1:",
            "some do not",
        ),
    ],
)
def test_a_wrong_tree_is_refused_with_its_place(tmp_path, text, place, what):
    message = refusal(tmp_path, text)
    assert message.startswith(place)
    assert what in message


def test_all_that_is_wrong_with_a_tree_is_told_at_once(tmp_path):
    text = 'config A\n\tstring "a"\nconfig B\n\tbool "b"\n\tdepends on NOSUCH\n'
    assert len(refusal(tmp_path, text).splitlines()) == 2


def test_numbers_and_quoted_constants_are_no_undefined_symbols(tmp_path):
    text = (
        'config A\n\tint "a"\n\tdefault 3\n\trange -1 10\n'
        'config B\n\tbool "b"\n\tdepends on A = 3\n'
        'config C\n\thex "c"\n\tdefault 0x10\n\trange 0x1 0xff\n'
    )
    write(tmp_path, text)
    assert list(load_tree(tmp_path).symbols) == ["A", "B", "C"]


def test_a_choice_can_say_results_unaffected_for_all_its_members(tmp_path):
    text = (
        'choice\n\tprompt "c"\n\thelp\n\t  Results: unaffected\nconfig C_X\n\tbool "x"\nendchoice\n'
    )
    write(tmp_path, text)
    tree = load_tree(tmp_path)
    assert not tree.groups["C"].is_relevant
    assert not tree.symbols["C_X"].is_relevant
    assert tree.relevant_names == ()


def test_an_option_at_its_neutral_value_is_not_hashed(tmp_path):
    """So that an option which is new, and off, leaves every earlier run what it was."""
    old = 'config A\n\tint "a"\n\tdefault 1\n'
    new = old + (
        'config B\n\tint "b"\n\tdefault 0\n\thelp\n\t  Results: unaffected at 0\n'
        'config C\n\tbool "c"\n\thelp\n\t  Results: unaffected at n\n'
        'config D\n\tstring "d"\n\tdefault ""\n\thelp\n\t  Type: path or empty\n'
        "\t  Results: unaffected at empty\n"
    )
    write(tmp_path, old)
    before = load_tree(tmp_path).resolve([]).typed()
    write(tmp_path, new)
    base = load_tree(tmp_path).resolve([])
    assert base.typed().hash == before.hash
    assert base.typed().relevant_names == ("A",)
    assert base.derive({"B": "2"}, "test").typed().relevant() == {"A": 1, "B": 2}
    assert base.derive({"C": "y"}, "test").typed().relevant() == {"A": 1, "C": True}
    assert "results unaffected at 0" in reference(base.tree)
    assert base.derive({"D": "empty"}, "test").typed().relevant() == {"A": 1, "D": "empty"}
    assert "results: unaffected at n" in explain(base, "C")
    assert "results: unaffected at empty" in explain(base, "D")
    assert "results unaffected at empty" in reference(base.tree)


def test_a_choice_at_its_neutral_value_is_not_hashed(tmp_path):
    old = 'config A\n\tint "a"\n\tdefault 1\n'
    new = old + (
        'choice\n\tprompt "c"\n\tdefault C_AUTO\n\thelp\n\t  Results: unaffected at auto\n'
        'config C_AUTO\n\tbool "auto"\nconfig C_ON\n\tbool "on"\nendchoice\n'
    )
    write(tmp_path, old)
    before = load_tree(tmp_path).resolve([]).typed()
    write(tmp_path, new)
    base = load_tree(tmp_path).resolve([])
    assert base.typed().hash == before.hash
    assert base.derive({"C": "on"}, "test").typed().relevant() == {"A": 1, "C": "on"}
    assert "results unaffected at auto" in reference(base.tree)
    assert "results: unaffected at auto" in explain(base, "C")


def test_reserved_names_are_those_of_config_py():
    assert RESERVED_NAMES == ("HASH", "HASHED")


def test_policy_of_the_environment():
    assert Policy.from_environment({}) == Policy(True, True)
    assert Policy.from_environment({"KCONFIG_WERROR": "1"}).is_strict
    assert not Policy.from_environment({"KCONFIG_WERROR": "0"}).is_strict
    assert not Policy.from_environment({"KCONFIG_WARN_UNKNOWN_SYMBOLS": "0"}).warns_unknown


@pytest.mark.parametrize(
    ("package", "remedy"), [("kconfiglib", "make setup"), ("jinja2", "make setup")]
)
def test_a_missing_package_is_a_sentence(package, remedy):
    program = f"""
import sys
sys.modules["{package}"] = None
from pathlib import Path
from lib.kconfig import Config, ConfigError, load_tree, render_config_py
try:
    load_tree(Path("tests/lib/kconfig/fixture_tree"))
    render_config_py(Config({{}}, ()), [])
except ConfigError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr == ""
    assert f"the Python package {package} is not installed" in result.stdout
    assert remedy in result.stdout
    assert len(result.stdout.splitlines()) == 1
