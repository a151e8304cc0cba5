import pytest

from lib.kconfig import ConfigError, NoConfig, read_layer
from lib.kconfig.scan import LARGEST_FILE_BYTES, leading_comments, scan_text


def read(text: str):
    return scan_text(text, "f", "request")


def pairs(text: str):
    layer = read(text)
    assert layer.problems == ()
    return [(found.name, found.value, found.line) for found in layer.assignments]


def test_assignments_comments_and_the_comment_that_is_data():
    text = '# a comment\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\nCONFIG_D=-3\n'
    assert pairs(text) == [("A", "y", 3), ("B", "n", 4), ("C", "x y", 5), ("D", "-3", 6)]


def test_n_may_be_written_as_a_value():
    assert pairs("CONFIG_B=n\n") == [("B", "n", 1)]


def test_a_commented_out_assignment_and_prose_are_comments():
    assert pairs("#CONFIG_A=y\n# CONFIG_A=y\n# CONFIG_A is not set here\n") == []


def test_crlf_and_trailing_blanks_are_read():
    text = 'CONFIG_A=y\r\n# CONFIG_B is not set\r\nCONFIG_C="x"  \r\n'
    assert pairs(text) == [("A", "y", 1), ("B", "n", 2), ("C", "x", 3)]


@pytest.mark.parametrize(
    ("written", "value"),
    [(r'"a\"b"', 'a"b'), (r'"a\\b"', "a\\b"), (r'"a\zb"', "azb"), ('""', ""), ('"#"', "#")],
)
def test_escapes_of_strings(written, value):
    assert pairs(f"CONFIG_C={written}\n") == [("C", value, 1)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("CONFIG_A = y", "write `CONFIG_A=y`"),
        ("CONFIG_A =y", "write `CONFIG_A=y`"),
        ("CONFIG_A= y", "without spaces round"),
        (" CONFIG_A=y", "write `CONFIG_A=y`"),
        ("A=y", "write `CONFIG_A=y`"),
        ("export CONFIG_A=y", "write `CONFIG_A=y`"),
        ('CONFIG_A="x', "cannot be read"),
        ('CONFIG_A="x"y"', "cannot be read"),
        ('CONFIG_A="x\ty"', "control character"),
        ("#CONFIG_A is not set", "write exactly `# CONFIG_A is not set`"),
        ("CONFIG_A is not set", "write exactly `# CONFIG_A is not set`"),
        (" # CONFIG_A is not set", "write exactly `# CONFIG_A is not set`"),
        ("# CONFIG_A  is not set", "write exactly `# CONFIG_A is not set`"),
        ("# CONFIG_A is not set.", "write exactly `# CONFIG_A is not set`"),
        ("some junk", "is no assignment"),
        ("CONFIG_A", "is no assignment"),
    ],
)
def test_a_line_that_kconfiglib_would_drop_is_a_problem(line, what):
    layer = read(f"# first\n{line}\n")
    assert layer.assignments == ()
    assert len(layer.problems) == 1
    assert str(layer.problems[0]).startswith("f:2: ")
    assert what in str(layer.problems[0])


def test_a_byte_order_mark_is_a_problem_but_line_1_is_read():
    layer = read("\ufeffCONFIG_A=y\n")
    assert [found.name for found in layer.assignments] == ["A"]
    assert "f:1: the file begins with a byte-order mark" in str(layer.problems[0])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"CONFIG_A=y\n\xff\xfe\x00", "f:2: is not a text file (byte 0xff is no UTF-8)"),
        (b"CONFIG_A=y\n\n\0", "f:3: is not a text file (zero byte)"),
        (b"#" * (LARGEST_FILE_BYTES + 1), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_configuration_is_refused_whole(tmp_path, data, what):
    path = tmp_path / "f"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_layer(path, "f")
    assert what in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        read_layer(tmp_path, "f")


def test_a_missing_state_is_no_config_and_a_missing_defconfig_an_error(tmp_path):
    with pytest.raises(NoConfig):
        read_layer(tmp_path / ".config", ".config")
    with pytest.raises(NoConfig):
        read_layer(tmp_path / "mine", "mine", kind="state")
    with pytest.raises(ConfigError, match="no such file") as caught:
        read_layer(tmp_path / "mine", "mine")
    assert not isinstance(caught.value, NoConfig)


def test_kind_by_name_by_header_and_by_word(tmp_path):
    plain, generated = tmp_path / "a", tmp_path / "b"
    plain.write_text("CONFIG_A=y\n")
    header = "# bitterbench configuration, generated; edit with `make menuconfig`\r\n"
    generated.write_bytes(f"{header}# from: quickstart+cpu\r\nCONFIG_A=y\r\n".encode())
    (tmp_path / ".config").write_text("CONFIG_A=y\n")
    assert read_layer(plain, "a").kind == "request"
    assert read_layer(plain, "a", kind="state").kind == "state"
    assert read_layer(generated, "b").kind == "state"
    assert read_layer(generated, "b").origin == "quickstart+cpu"
    assert read_layer(tmp_path / ".config", ".config").kind == "state"
    assert read_layer(tmp_path / ".config", ".config").origin is None


def test_leading_comments_end_before_data():
    text = "# one\n#\n# two\n\n# CONFIG_A is not set\n# three\n"
    assert leading_comments(text) == ["# one", "#", "# two"]


@pytest.mark.parametrize(
    ("line", "value"),
    [("CONFIG_A=10 # hi", "10"), ('CONFIG_A="x # y"\t# "z"', "x # y"), ('CONFIG_A="" # C=y', "")],
)
def test_a_comment_after_a_value_is_read_in_a_fragment_and_refused_in_a_config(line, value):
    assert pairs(line) == [("A", value, 1)]
    (problem,) = scan_text(line, "f", "state").problems
    assert "is followed by a comment on its line" in problem.what
