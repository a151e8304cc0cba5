"""Which lines of a whole `.config` count as asked for, by how the file came to be."""

import pytest

from lib.kconfig import ConfigError, Policy, load_tree, override_layer
from lib.kconfig.editor import _our_kconfig
from lib.kconfig.scan import GENERATED_HEADER, scan_text
from lib.kconfig.store import header_lines

KCONFIG = """\
config A
	int "a"
	default 1

config B
	int "b"
	default 10 if A = 1
	default 20

config C
	bool "c"

config D
	int "d"
	depends on C
	default 3

config E
	int "e" if C
	default 4
"""


@pytest.fixture
def small(tmp_path):
    """load(text): the tree of a Kconfig file."""

    def load(text: str = KCONFIG):
        (tmp_path / "Kconfig").write_text(text)
        return load_tree(tmp_path, Policy())

    return load


def file_of(tree, **values: str) -> str:
    configuration = tree.resolve([override_layer(list(values.items()))])
    return configuration.file_text(header_lines(None))


def state(text: str):
    return scan_text(text, ".config", "state")


def values(configuration) -> dict[str, str]:
    names = configuration.tree.symbols
    return {n: configuration.value(n).text for n in names if configuration.value(n).is_active}


def test_the_top_of_a_file_says_what_was_asked_for(small):
    text = file_of(small(), A="1", B="7", C="y")
    record = [line for line in text.splitlines() if line.startswith("# asked for: ")]
    assert record == ["# asked for: B 7", "# asked for: C y"]
    layer = state(text)
    assert [(found.name, found.value) for found in layer.asked] == [("B", "7"), ("C", "y")]
    assert layer.is_as_written
    # Neither the ends of lines nor their order nor comments are data.
    lines = text.splitlines()
    assert state("\r\n".join([*lines[::-1], "# more"])).is_as_written
    assert not state(text.replace("CONFIG_A=1", "CONFIG_A=2")).is_as_written


def test_a_default_moves_and_a_wish_stays(small):
    tree = small()
    changed = override_layer([("A", "2")])
    assert values(tree.resolve([state(file_of(tree)), changed]))["B"] == "20"
    assert values(tree.resolve([state(file_of(tree, B="7")), changed]))["B"] == "7"
    # The message tells the value of before, though nobody had asked for it.
    ((earlier, later),) = tree.resolve([state(file_of(tree)), changed]).overridden
    assert (earlier.value, later.value) == ("1", "2")


def test_an_edited_line_is_a_wish_and_the_lines_beside_it_are_not(small):
    tree = small()
    text = file_of(tree)
    edited = tree.resolve([state(text.replace("CONFIG_A=1", "CONFIG_A=2"))])
    assert values(edited)["B"] == "20"
    assert "follow the edit: B=20. " in edited.notes[0]
    assert edited.source_of("A").startswith(".config:")
    both = text.replace("CONFIG_A=1", "CONFIG_A=2").replace("CONFIG_B=10", "CONFIG_B=11")
    edited = tree.resolve([state(both)])
    assert (values(edited)["B"], edited.notes) == ("11", ())
    # The edit is a wish for later layers too.
    assert values(edited.derive({"C": "y"}, "x"))["B"] == "11"


def test_a_line_that_is_taken_out_takes_its_default(small):
    tree = small()
    text = file_of(tree, A="2", B="7")
    edited = tree.resolve([state(text.replace("CONFIG_A=2\n", ""))])
    assert values(edited) == {"A": "1", "B": "7", "C": "n", "E": "4"}
    # Also where what depends on it stands at the default of before.
    edited = tree.resolve([state(file_of(tree, A="2").replace("CONFIG_A=2\n", ""))])
    assert values(edited)["B"] == "10"


def test_what_an_edit_hides_is_dropped_and_told(small):
    tree = small()
    text = file_of(tree, C="y", D="5")
    edited = tree.resolve([state(text.replace("CONFIG_C=y", "# CONFIG_C is not set"))])
    assert "D" not in values(edited)
    assert "D=5 wants C (=n)" in str(edited.dropped[0])
    assert edited.notes == (".config was edited, which hides what was asked for: D=5",)


def test_an_edit_that_cannot_come_true_is_refused(small):
    tree = small()
    text = file_of(tree)
    with pytest.raises(ConfigError, match=r"E=5 wants C \(=n\)"):
        tree.resolve([state(text.replace("CONFIG_E=4", "CONFIG_E=5"))])


def test_other_defaults_of_the_program_change_no_file_that_is_as_written(small):
    later = '\nconfig F\n\tint "f"\n\tdefault 5'
    text = file_of(small(f"{KCONFIG}{later}\n"), C="y")
    changed = KCONFIG.replace("default 1\n", "default 2\n").replace("default 3", "default 9")
    tree = small(f"{changed}{later} if A = 2\n\tdefault 7\n")
    assert values(tree.resolve([])) == {"A": "2", "B": "20", "C": "n", "E": "4", "F": "5"}
    configuration = tree.resolve([state(text)])
    assert values(configuration) == {"A": "1", "B": "10", "C": "y", "D": "3", "E": "4", "F": "5"}
    assert configuration.notes == ()


def test_a_file_that_says_nothing_is_read_as_it_stands(small):
    tree = small()
    text = tree.resolve([override_layer([("A", "2")])]).text([])
    configuration = tree.resolve([state(text), override_layer([("A", "1")])])
    assert (values(configuration)["B"], configuration.notes) == ("10", ())
    # Edited, one line cannot be told from another.
    edited = state(f"# {GENERATED_HEADER}\n" + text.replace("CONFIG_A=2", "CONFIG_A=1"))
    configuration = tree.resolve([edited])
    assert values(configuration)["B"] == "20"
    assert "does not say what was asked for" in configuration.notes[0]


def test_what_the_comments_say_counts_only_with_the_lines(small):
    tree = small()
    text = file_of(tree, B="7").replace("# asked for: B 7", "# asked for: B 8")
    assert values(tree.resolve([state(text)]))["B"] == "7"
    nonsense = "# asked for: NOSUCH 1\n# asked for: C maybe\n# asked for: junk\n"
    assert values(tree.resolve([state(nonsense + text)])) == values(tree.resolve([state(text)]))


def test_the_editors_load_only_what_was_asked_for(small, tmp_path):
    tree = small()
    path = tmp_path / ".config"
    path.write_text(file_of(tree, C="y"))
    from lib.kconfig import backend

    raw = backend.parse(tree.root, _our_kconfig(tree, None, path))
    assert raw.load_config() == f"Loaded configuration '{path}'"
    assert not raw.needs_save()
    raw.syms["A"].set_value("2")
    assert (raw.syms["B"].str_value, raw.syms["C"].str_value) == ("20", "y")
    assert raw.needs_save()
    raw.write_config(str(path))
    assert "CONFIG_B=20\n" in path.read_text()
    # Loading is starting anew.
    assert raw.load_config(str(path))
    raw.syms["A"].set_value("1")
    assert raw.syms["B"].str_value == "10"
    (tmp_path / "wrong").write_text("CONFIG_NOSUCH=1\n")
    with pytest.raises(OSError, match="there is no symbol NOSUCH"):
        raw.load_config(str(tmp_path / "wrong"))
