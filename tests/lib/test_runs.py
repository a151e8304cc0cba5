import os

import pytest

from lib.arms import settings_of
from lib.claims import claim
from lib.kconfig import read_layer
from lib.runs import RunDirectory, RunFolders, run_name


@pytest.fixture
def frozen(configure, tmp_path):
    configuration = configure(
        OPTIMIZER="adamwprune", PRUNING_METHOD="state", TARGET_SPARSITY="0.25"
    )
    run = RunDirectory.of(tmp_path / "results", configuration.typed())
    run.freeze(configuration)
    return run, configuration


def summary_of(run, **values):
    return {"config_hash": run.config().hash, "status": "done", "reason": None} | values


def test_the_name_says_the_arm_and_ends_with_the_hash(frozen):
    run, configuration = frozen
    config = configuration.typed()
    assert run_name(config) == "custom-pystdlib-adamwprune-bitter1-25-s1337"
    assert run.name == f"{run_name(config)}-{config.hash[:8]}"


@pytest.mark.parametrize(
    ("overrides", "arm"),
    [
        ({"PRUNING_METHOD": "magnitude", "PRUNING_PATTERN": "2-4"}, "adamw-magnitude-2of4"),
        ({"PRUNING_METHOD": "salpha", "PRUNING_ALPHA": "-0.5"}, "adamw-salpha-0_5-50"),
        ({"PRUNING_METHOD": "none", "EXTRA_ITERATIONS_PCT": "21"}, "adamw-21steps"),
        (
            {
                "OPTIMIZER": "adamwprune",
                "PRUNING_METHOD": "state",
                "ADAMWPRUNE_VARIANT": "bitter9",
                "ADAMWPRUNE_NORMALISE": "y",
                "TARGET_SPARSITY": "0.625",
            },
            "adamwprune-bitter9-normalised-62_5",
        ),
    ],
)
def test_names_are_safe_in_file_names_and_make_targets(configure, overrides, arm):
    config = configure(**{"OPTIMIZER": "adamw"} | overrides).typed()
    assert run_name(config) == f"custom-pystdlib-{arm}-s1337"


def test_a_frozen_run_is_its_configuration(frozen, tree):
    run, configuration = frozen
    assert dict(run.config()) == dict(configuration.typed())
    again = tree.resolve([read_layer(run.path / ".config", ".config")])
    assert settings_of(again) == settings_of(configuration)


def test_freezing_again_changes_nothing(frozen):
    run, configuration = frozen
    os.utime(run.path / ".config", ns=(1, 1))
    run.freeze(configuration)
    assert (run.path / ".config").stat().st_mtime_ns == 1


def with_trackers(configure, names):
    """The run of `frozen`, with trackers and another log cadence: the same results."""
    return configure(
        OPTIMIZER="adamwprune",
        PRUNING_METHOD="state",
        TARGET_SPARSITY="0.25",
        TRACKER=names,
        LOG_INTERVAL=7,
    )


def test_a_pending_run_takes_over_options_that_change_no_result(frozen, configure, tree):
    run, _ = frozen
    again = with_trackers(configure, "wandb,trackio")
    run.begin_attempt({})
    run.end_attempt("interrupted")
    run.freeze(again)
    assert dict(run.config()) == dict(again.typed())
    assert run.config().TRACKER_WANDB
    assert run.config().LOG_INTERVAL == 7
    kept = tree.resolve([read_layer(run.path / ".config", ".config")])
    assert kept.typed() == again.typed()
    run.freeze(with_trackers(configure, "none"))
    assert not run.config().TRACKER_WANDB


@pytest.mark.parametrize("status", ["done", "failed", "diverged", "oom"])
def test_a_run_that_has_ended_keeps_what_it_was_computed_with(frozen, configure, status):
    run, configuration = frozen
    run.write_summary(summary_of(run, status=status))
    run.freeze(with_trackers(configure, "wandb"))
    assert dict(run.config()) == dict(configuration.typed())


def test_a_run_that_runs_keeps_what_it_was_started_with(frozen, configure):
    run, configuration = frozen
    with claim(run.path):
        run.freeze(with_trackers(configure, "wandb"))
    assert dict(run.config()) == dict(configuration.typed())
    run.freeze(with_trackers(configure, "wandb"))
    assert run.config().TRACKER_WANDB


def test_a_run_planned_before_an_option_existed_gets_it(frozen):
    """A new option that changes no result leaves the hash, and so the folder, what it was."""
    run, configuration = frozen
    path = run.path / "config.py"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "CONFIG_TRACKER_" not in line))
    assert "TRACKER_WANDB" not in run.config()
    run.freeze(configuration)
    assert run.config().TRACKER_WANDB is False


def test_states(frozen):
    run, _ = frozen
    assert run.state() == "pending"
    for status, state in (("done", "done"), ("oom", "failed"), ("diverged", "diverged")):
        run.write_summary(summary_of(run, status=status))
        assert run.state() == state


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 1, "status": "done"}', '{"schema": 0}']
)
def test_a_summary_that_is_not_this_run_s_counts_as_none(frozen, text):
    run, _ = frozen
    run.summary_path.write_text(text)
    assert run.summary() is None
    assert run.state() == "pending"


def test_a_summary_of_another_run_counts_as_none(frozen):
    run, _ = frozen
    run.write_summary(summary_of(run, config_hash="0" * 64))
    assert run.summary() is None


def test_another_run_s_configuration_is_refused(frozen, configure, tmp_path):
    run, _ = frozen
    other = RunDirectory(tmp_path / "results" / "runs" / "copied-00000000")
    other.path.mkdir(parents=True)
    (other.path / "config.py").write_bytes((run.path / "config.py").read_bytes())
    with pytest.raises(ValueError, match="does not belong to this folder"):
        other.config()


def test_no_run_is_named_as_such(tmp_path):
    with pytest.raises(ValueError, match="is not a run"):
        RunDirectory(tmp_path).config()


def test_attempts_are_kept_with_their_causes(frozen):
    run, _ = frozen
    assert run.begin_attempt({"run": run.name}) == 1
    run.end_attempt("interrupted", "stopped by SIGINT")
    assert run.begin_attempt({"run": run.name}) == 2
    run.add_provenance({"host": "here"})
    causes = [attempt["cause"] for attempt in run.attempts()]
    assert causes == ["interrupted", None]
    assert run.provenance()["host"] == "here"
    assert run.attempts()[1]["pid"] == os.getpid()


def test_running_is_the_lock_and_nothing_else(frozen):
    run, _ = frozen
    assert not run.is_running()
    with claim(run.path):
        assert run.is_running()


def test_setting_aside_keeps_what_was_there(frozen):
    run, _ = frozen
    run.begin_attempt({})
    run.write_summary(summary_of(run))
    run.metrics_path.write_text("{}\n")
    run.set_aside()
    assert run.state() == "pending"
    assert (run.path / "summary.json.attempt-1").is_file()
    assert (run.path / "metrics.jsonl.attempt-1").is_file()


@pytest.fixture
def presets(configure):
    """Two presets that fix the same components: two names, one hash."""
    arm = {"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"}
    return [configure(ARCH_PRESET=preset, **arm) for preset in ("llama", "team")]


def test_a_run_is_found_by_its_hash_whatever_its_name(presets, tmp_path):
    llama, team = presets
    assert run_name(llama.typed()) != run_name(team.typed())
    results = tmp_path / "results"
    first = RunDirectory.of(results, team.typed())
    assert "team" in first.name
    first.freeze(team)
    assert RunDirectory.of(results, llama.typed()) == first
    renamed = RunDirectory(first.path.rename(first.path.with_name(f"mine-{first.name[-8:]}")))
    for configuration in presets:
        assert RunDirectory.of(results, configuration.typed()) == renamed
    assert RunFolders(results).named(first.name) == renamed
    # What is planned again and not ended takes over the name that is asked for.
    renamed.freeze(llama)
    assert renamed.config().ARCH_PRESET == "llama"


def test_of_two_folders_of_one_run_the_one_that_is_further_counts(presets, tmp_path):
    llama, team = presets
    results = tmp_path / "results"
    runs = [results / "runs" / f"{run_name(c.typed())}-{c.typed().hash[:8]}" for c in presets]
    ours, other = map(RunDirectory, runs)
    for run, configuration in zip((ours, other), presets, strict=True):
        run.path.mkdir(parents=True)
        run.freeze(configuration)

    def found():
        assert RunFolders(results).named(ours.name) == RunDirectory.of(results, llama.typed())
        return RunDirectory.of(results, llama.typed())

    assert found() == ours
    other.begin_attempt({})
    assert found() == other
    with claim(ours.path):
        assert found() == ours
    ours.write_summary(summary_of(ours, status="failed"))
    other.write_summary(summary_of(other))
    assert found() == other


def test_equal_digits_of_another_computation_are_another_run(presets, configure, tmp_path):
    results, config = tmp_path / "results", presets[0].typed()
    other = RunDirectory(results / "runs" / f"other-{config.hash[:8]}")
    other.path.mkdir(parents=True)
    assert RunDirectory.of(results, config).name.startswith("custom-pystdlib-llama")
    digits = config.hash[:8]
    other.write_summary({"config_hash": digits + 56 * "0", "status": "done", "reason": None})
    assert other.state() == "done"
    assert RunDirectory.of(results, config).name.startswith("custom-pystdlib-llama")
    other.write_summary({"config_hash": config.hash, "status": "done", "reason": None})
    assert RunDirectory.of(results, config) == other


def test_folders_are_listed_once_for_a_thousand_runs(presets, tmp_path, monkeypatch):
    config = presets[0].typed()
    runs = tmp_path / "results" / "runs"
    for number in range(20):
        (runs / f"run-{number:08x}").mkdir(parents=True)
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    folders = RunFolders(tmp_path / "results")
    for _ in range(1000):
        folders.of(config)
    assert listed == [runs]
