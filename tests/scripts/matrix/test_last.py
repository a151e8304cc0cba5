"""The matrix that `make report` means: that of the command line, the last one, or `.config`'s."""

import pytest

from lib.kconfig.store import save_config
from scripts.matrix import last
from scripts.matrix.last import last_run, matrix_to_show, plan_to_show, record
from scripts.matrix.plan import plan


@pytest.fixture
def stored(configure, tmp_path, monkeypatch):
    """stored(NAME=value, ...): `.config` is the smoke matrix with these values; returns it."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))
    times = iter(range(100))
    monkeypatch.setattr(last.time, "time_ns", lambda: next(times))

    def make(**values):
        configuration = configure(**values)
        save_config(tmp_path / "config", configuration, None)
        return configuration.tree.resolve([last.stored_layer()])

    return make


def run(configuration, **added):
    """A matrix that is run with these values on the command line; returns its folder."""
    the_plan = plan(configuration.derive(added, "command line") if added else configuration)
    the_plan.write()
    record(the_plan)
    return the_plan.folder


def test_the_matrix_run_last_is_shown_with_what_it_was_run_with(stored):
    config = stored()
    run(config)
    varied = run(config, MAX_ITERS="30", OPTIMIZER="adamw")
    folder, line = matrix_to_show(config)
    assert folder == varied
    assert line == f"matrix {varied.name}, run last, with MAX_ITERS=30 OPTIMIZER=adamw"


def test_the_matrix_of_the_configuration_is_shown_again_once_it_is_run_again(stored):
    config = stored()
    run(config, MAX_ITERS="30")
    plain = run(config)
    assert matrix_to_show(config)[0] == plain


def test_values_of_the_command_line_decide(stored):
    config = stored()
    plain = run(config)
    varied = run(config, MAX_ITERS="30")
    other = config.derive({"MAX_ITERS": "40"}, "command line")
    assert matrix_to_show(other)[0] == plan(other).folder
    assert matrix_to_show(config)[0] == varied
    # What changes no result says nothing about the matrix.
    assert matrix_to_show(config.derive({"LOG_INTERVAL": "3"}, "command line"))[0] == varied
    assert plain != varied


def test_another_configuration_has_its_own_matrix_if_it_has_been_run(stored):
    first = stored(SEED=5)
    own = run(first)
    second = stored(SEED=6)
    varied = run(second, MAX_ITERS="30")
    third = stored(SEED=7)
    # Never run: the last one says more than a page that is not there.
    assert matrix_to_show(third)[0] == varied
    assert matrix_to_show(stored(SEED=5)) == (
        own,
        f"matrix {own.name} of .config; run last was {varied}, with MAX_ITERS=30",
    )


def test_a_record_that_cannot_be_read_counts_for_nothing(stored):
    config = stored()
    plain = run(config)
    varied = run(config, MAX_ITERS="30")
    (varied / last.NAME).write_text("{")
    assert last_run(plain.parent.parent).folder == plain
    (plain / last.NAME).unlink()
    assert last_run(plain.parent.parent) is None
    assert matrix_to_show(config)[0] == plain


def test_the_state_of_the_matrix_run_last_is_shown_while_the_configuration_stands(stored):
    """`make status` showed the pending runs of `.config` beside `make MAX_ITERS=30`."""
    config = stored()
    assert plan_to_show(config)[0].id == plan(config).id
    varied = run(config, MAX_ITERS="30", OPTIMIZER="adamw", SWEEP="DROPOUT=0.1,0.2")
    found, line = plan_to_show(config)
    assert (found.folder, found.runs[0].settings["MAX_ITERS"]) == (varied, 30)
    assert line.startswith(f"matrix {varied.name}, run last, with MAX_ITERS=30 OPTIMIZER=adamw")
    other = config.derive({"MAX_ITERS": "40"}, "command line")
    assert plan_to_show(other)[0].folder == plan(other).folder
    # Another `.config` has a state of its own, also before its matrix is run.
    fresh = stored(SEED=7)
    assert plan_to_show(fresh)[0].folder == plan(fresh).folder


def test_a_record_without_its_matrix_counts_for_nothing(stored):
    config = stored()
    varied = run(config, MAX_ITERS="30")
    (varied / "matrix.json").unlink()
    assert last_run(varied.parent.parent) is None
