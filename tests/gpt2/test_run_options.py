"""Which values count: the command line's, else the run's own, else, if it is older, the default."""

import pytest

from gpt2.run_options import command_line, parse, run_and_settings, whole_number

SYMBOLS = ("GENERATION_TOP_K",)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "no.config"))
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    return ("RESULTS_DIR", str(tmp_path / "results"))


def test_the_run_s_own_values_and_what_is_said_on_top(planned, place):
    made = planned(GENERATION_TOP_K=7, GENERATION_MAX_TOKENS=9)
    run, settings = run_and_settings(made.run.name, [place])
    assert run == made.run
    assert settings == made.settings | {"RESULTS_DIR": place[1]}
    assert settings["OPTIMIZER"] == "adamw"
    _, settings = run_and_settings(
        made.run.name, [place, ("GENERATION_TOP_K", "3"), ("DEVICE", "auto")]
    )
    assert (settings["GENERATION_TOP_K"], settings["GENERATION_MAX_TOKENS"]) == (3, 9)
    assert settings["DEVICE"] == "auto"


def test_a_run_that_is_older_than_an_option_has_its_default(planned, place):
    made = planned(GENERATION_TOP_K=7)
    path = made.run.path / "config.py"
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if "GENERATION_TOP_K" not in line)
    )
    _, settings = run_and_settings(made.run.name, [place])
    assert settings["GENERATION_TOP_K"] == 200


def test_runs_are_looked_for_where_the_configuration_puts_them(planned, place, tmp_path):
    made = planned()
    with pytest.raises(ValueError, match="names no run|fits no run"):
        run_and_settings(made.run.name, [])
    (tmp_path / "no.config").write_text(f'CONFIG_RESULTS_DIR="{place[1]}"\n')
    assert run_and_settings(made.run.name, [])[0] == made.run


def test_the_environment_of_make_comes_before_arguments(monkeypatch):
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "GENERATION_TOP_K DEVICE")
    monkeypatch.setenv("BITTERBENCH_GIVEN_GENERATION_TOP_K", "1")
    monkeypatch.setenv("BITTERBENCH_GIVEN_DEVICE", "cpu")
    parser = command_line("sample", "Text.", SYMBOLS)
    options, pairs = parse(parser, ["--run", "a", "--generation-top-k", "2"], SYMBOLS)
    assert (options.run, options.checkpoint) == ("a", "latest")
    assert dict(pairs) == {"GENERATION_TOP_K": "2", "DEVICE": "cpu"}


def test_a_symbol_that_does_not_concern_the_command_is_refused(place):
    parser = command_line("sample", "Text.", SYMBOLS)
    with pytest.raises(ValueError, match="--max-iters does not .* --generation-top-k, --device"):
        parse(parser, ["--run", "a", "--max-iters", "2"], SYMBOLS)


@pytest.mark.parametrize("text", ["-1", "0", "1.5", "", "x", "\u00b2"])
def test_a_count_that_is_none_is_told(capsys, text):
    parser = command_line("sample", "Text.", SYMBOLS)
    parser.add_argument("--count", type=whole_number(1))
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--run", "a", "--count", text])
    assert f"argument --count: {text!r} is no whole number from 1 up" in capsys.readouterr().err
    assert parser.parse_args(["--run", "a", "--count", "7"]).count == 7
