from lib.kconfig import ConfigError, NoConfig, Problem
from lib.kconfig.errors import no_config, shown


def test_all_problems_are_told_once_and_sorted_by_place():
    problems = [
        Problem("b", 2, "second", "mend"),
        Problem("b", 10, "third", "mend"),
        Problem("a", 3, "first", "mend"),
        Problem("a", 3, "first", "mend"),
    ]
    error = ConfigError(problems)
    lines = ["a:3: first; mend", "b:2: second; mend", "b:10: third; mend"]
    assert str(error).splitlines() == lines
    assert isinstance(error, ValueError)
    assert error.exit_status == 2


def test_a_place_without_lines_has_no_number():
    assert str(Problem("command line", 0, "what", "remedy")) == "command line: what; remedy"


def test_no_config_names_both_commands_and_ends_with_1():
    error = no_config(".config")
    assert isinstance(error, NoConfig)
    assert error.exit_status == 1
    assert "make menuconfig" in str(error)
    assert "make defconfig-" in str(error)
    assert "\n" not in str(error)


def test_control_characters_of_a_file_do_not_reach_the_terminal():
    assert str(Problem("f", 1, "a\x1b[2Jb\rc\n", "d")) == "f:1: a?[2Jb?c?; d"
    assert len(shown("x" * 1000)) == 60
    assert shown("short") == "short"
