"""Which run a command line means: one of a matrix, or one that has begun."""

import json

import pytest

from gpt2.begun import begun_runs
from gpt2.described import Wish, find_run
from gpt2.one_run import one_run
from lib.cli import ROOT
from lib.kconfig import ConfigError, overrides_from_arguments
from lib.kconfig.store import save_config

QUICKSTART = ("adamw", "adamw+magnitude@50%", "adamwprune", "adamwprune+bitter1@50%")


@pytest.fixture
def at(configure, tmp_path, monkeypatch, tree):
    """at(defconfig, NAME=value, ...): that is `.config`, with its results in an empty folder."""
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)
    for module in ("lib.current", "gpt2.described"):
        monkeypatch.setattr(f"{module}.load_tree", lambda root: tree)

    def choose(defconfig="smoke", **overrides):
        save_config(tmp_path / "config", configure(defconfig, **overrides), None)
        monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "config"))

    return choose


def found(line="", **wish):
    typed = line.split()
    options = [word for word in typed if word not in ("--resume=latest", "--dry-run")]
    return find_run(None, options, Wish(typed=tuple(typed), **wish))


def begin(line, when="2026-01-01T00:00:00Z", is_done=False):
    """A run of this line that has a checkpoint, or has ended."""
    run = found(line)
    run.begin_attempt({})
    facts = json.loads((run.path / "run.json").read_text())
    facts["attempts"][-1]["start"] = when
    (run.path / "run.json").write_text(json.dumps(facts))
    run.checkpoints_path.mkdir()
    (run.checkpoints_path / "step-000010.pt").write_bytes(b"")
    if is_done:
        run.write_summary({"status": "done", "config_hash": run.config().hash})
    return run


@pytest.mark.parametrize(
    ("line", "arm"),
    [
        ("--optimizer=adamw", "adamw"),
        ("--pruning-method=magnitude", "adamw-magnitude-50"),
        ("--optimizer=adamwprune", "adamwprune"),
        ("--pruning-method=state", "adamwprune-bitter1-50"),
        ("--adamwprune-variant=bitter7", "adamwprune-bitter7-50"),
        ("--optimizer=adamwspam", "adamwspam-seed"),
        ("--optimizer adamw --pruning-method movement --target-sparsity 0.7", "adamw-movement-70"),
    ],
)
def test_other_axes_take_their_baseline(at, capsys, line, arm):
    at("quickstart", SEEDS=3, SWEEP="LEARNING_RATE=1e-3,2e-3")
    assert found(line).name.startswith(f"custom-pystdlib-{arm}-s1337-")
    said = capsys.readouterr().err
    assert "one run of several: " in said
    assert "SEEDS=1" in said


def test_what_is_one_run_already_stays(at, capsys):
    at("gpt2-shakespeare-char-cpu")
    assert "-adamw-s1337-" in found("--optimizer=adamw").name
    assert "one run of several" not in capsys.readouterr().err


def test_a_line_that_leaves_the_choice_open_is_answered_with_one_that_works(at):
    at()
    with pytest.raises(ValueError, match="OPTIMIZER has 2 members .*Type `") as caught:
        found("--use-tensorboard --dry-run")
    answer = str(caught.value).rpartition("`python gpt2/train.py ")[2].partition("`")[0]
    assert answer == "--use-tensorboard --dry-run --optimizer=adamw"
    assert "-adamw-s1337-" in found("--use-tensorboard --optimizer=adamw").name


def test_a_run_shorter_than_its_warm_up_is_answered_with_a_line_that_works(at):
    at("gpt2-openwebtext")
    with pytest.raises(
        ValueError, match="WARMUP_STEPS=2000 leaves none of the 100 steps"
    ) as caught:
        found("--max_iters=100")
    answer = str(caught.value).rpartition("`python gpt2/train.py ")[2].partition("`")[0]
    assert answer == "--max_iters=100 --warmup-steps=10"
    assert found(answer).config().WARMUP_STEPS == 10


def test_a_line_that_asks_for_several_is_no_one_run(at):
    at()
    for line in ("--optimizer=adamw,adamwprune", "--optimizer=adamw --seeds=2"):
        with pytest.raises(ValueError, match="OPTIMIZER has 2 members|SEEDS=2 asks"):
            found(line)
    with pytest.raises(ValueError, match="PRUNING_METHOD_STATE=y wants OPTIMIZER_ADAMWPRUNE"):
        found("--optimizer=adamw --pruning-method=state")


@pytest.mark.parametrize("arm", QUICKSTART)
def test_an_arm_by_its_label(configure, arm):
    several = configure("quickstart", SEEDS=2)
    configuration, chosen = one_run(several, overrides_from_arguments([]), arm)
    assert configuration.typed().SEEDS == 1
    assert all(len(members) == 1 for members in configuration.axes().values())
    assert "SEEDS=1" in chosen


def test_a_word_that_is_no_option_of_the_tree_names_no_axis(at):
    at("gpt2-shakespeare-char-cpu")
    assert found("--tracker=none").state() == "pending"


def test_an_arm_that_is_not_there_is_told_the_others(configure):
    with pytest.raises(ValueError, match=r"--arm=lion is no arm .* adamw, adamw\+magnitude@50%"):
        one_run(configure("quickstart"), overrides_from_arguments([]), "lion")


def test_a_fresh_clone_begins_with_the_quickstart(at, tmp_path, monkeypatch, capsys):
    at()
    monkeypatch.delenv("KCONFIG_CONFIG")
    monkeypatch.setattr("gpt2.described.config_file", lambda: tmp_path / "none")
    monkeypatch.setattr("lib.current.config_file", lambda: tmp_path / "none")
    line = f"--optimizer=adamw --results-dir={tmp_path}/results"
    assert found(line).config().MAX_ITERS == 300
    assert "There is no .config yet: the options go on top of defconfigs/quickstart." in (
        capsys.readouterr().err
    )
    with pytest.raises(ConfigError, match="there is no configuration yet"):
        found(f"--use-tensorboard --results-dir={tmp_path}/results")


def test_to_continue_takes_the_described_run_if_it_has_begun(at):
    at()
    run = begin("--optimizer=adamw")
    begin("--optimizer=adamw --max-iters=19", when="2026-02-02T00:00:00Z")
    assert found("--optimizer=adamw", resume="latest").path == run.path


def test_to_continue_takes_the_newest_of_that_name(at, capsys):
    at()
    begin("--optimizer=adamw --max-iters=18")
    newest = begin("--optimizer=adamw --max-iters=19", when="2026-02-02T00:00:00Z")
    begin("--optimizer=adamw --max-iters=17", when="2026-03-03T00:00:00Z", is_done=True)
    begin("--optimizer=adamwprune", when="2026-03-03T00:00:00Z")
    begin("--optimizer=adamw --seed=7", when="2026-03-03T00:00:00Z")
    begin("--optimizer=adamw --model=gpt2 --block-size=32", when="2026-03-03T00:00:00Z")
    capsys.readouterr()
    again = found("--optimizer=adamw", resume="latest")
    assert again.path == newest.path
    said = capsys.readouterr().err
    assert f"--resume: {newest.name}, as it was begun (MAX_ITERS=19, not 20)" in said
    assert newest.config().MAX_ITERS == 19


def test_to_continue_without_an_axis_looks_at_the_whole_matrix(at):
    at()
    begin("--optimizer=adamw --seed=7", when="2026-03-03T00:00:00Z")
    newest = begin("--optimizer=adamwprune", when="2026-02-02T00:00:00Z")
    assert found(resume="latest").path == newest.path
    assert found("--seed=7", resume="latest").path != newest.path


def test_options_of_the_line_act_on_the_run_that_is_continued(at):
    at()
    run = begin("--optimizer=adamw --max-iters=19")
    assert not run.config().TRACKER_TENSORBOARD
    assert found("--optimizer=adamw --use-tensorboard", resume="latest").path == run.path
    assert run.config().TRACKER_TENSORBOARD


def test_a_run_that_the_line_does_not_fit_is_named_and_not_continued(at):
    at()
    run = begin("--optimizer=adamw --max-iters=19")
    with pytest.raises(ValueError, match="no run of this configuration has begun") as caught:
        found("--optimizer=adamw --max-iters=18 --resume=latest", resume="latest")
    assert f"runs/{run.name} --resume latest` continues one" in str(caught.value)
    assert "type `python gpt2/train.py --optimizer=adamw --max-iters=18`" in str(caught.value)


def test_where_nothing_has_begun_the_wish_is_answered(at, capsys):
    at()
    with pytest.raises(ValueError, match="type `python gpt2/train.py --optimizer=adamw`"):
        found("--resume=latest", resume="latest")
    assert found("--optimizer=adamw --resume=latest", resume="latest").state() == "pending"
    assert "no run has begun yet, so this one begins at step 0" in capsys.readouterr().err


def test_a_file_of_a_checkpoint_says_whose_it_is(at):
    at()
    run = begin("--optimizer=adamw --max-iters=19")
    assert found(resume=str(run.checkpoints_path / "step-000010.pt")).path == run.path


def test_runs_that_can_go_on_come_before_those_that_have_ended(at, tmp_path):
    at()
    ended = begin("--optimizer=adamw", when="2026-03-03T00:00:00Z", is_done=True)
    older = begin("--optimizer=adamwprune", when="2026-01-01T00:00:00Z")
    newer = begin("--optimizer=adamw --seed=7", when="2026-02-02T00:00:00Z")
    found("--optimizer=adamw --seed=8")
    begun = begun_runs(tmp_path / "results")
    assert [run.name for run in begun] == [newer.name, older.name, ended.name]
    assert ROOT not in begun[0].path.parents
