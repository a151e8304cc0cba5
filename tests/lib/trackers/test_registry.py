"""How a tracker is chosen, and that choosing one cannot change a result."""

import importlib.util
import re

import pytest

from lib.arms import settings_of
from lib.cli import ROOT
from lib.kconfig import ConfigError, overrides_from_arguments, read_layer
from lib.kconfig import aliases as kconfig_aliases
from lib.runs import RunDirectory
from lib.trackers import TRACKERS, chosen
from lib.trackers.feed import job_of, open_feed


def test_the_words_after_tracker_are_the_registry(tree):
    assert set(kconfig_aliases.TRACKERS) == set(TRACKERS)
    assert kconfig_aliases.tracker_symbols(tree.symbols) == sorted(
        kind.symbol for kind in TRACKERS.values()
    )


def test_every_tracker_has_a_module_and_a_pinned_package():
    pins = (ROOT / "requirements-trackers.txt").read_text()
    for name, kind in TRACKERS.items():
        assert importlib.util.find_spec(kind.module) is not None
        assert re.search(rf"^{name}==[0-9.]+$", pins, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], []),
        (["--use-tensorboard"], ["tensorboard"]),
        (["--use_tensorboard"], ["tensorboard"]),
        (["--tracker-wandb"], ["wandb"]),
        (["--tracker", "wandb,trackio"], ["wandb", "trackio"]),
        (["--tracker=tensorboard,wandb,trackio"], ["tensorboard", "wandb", "trackio"]),
        (["--tracker", "both"], ["wandb", "trackio"]),
        (["--tracker", "none"], []),
    ],
)
def test_they_are_chosen_by_the_options_of_train_py(tree, configure, arguments, names):
    layers = [
        read_layer(ROOT / "defconfigs" / "smoke", "smoke"),
        overrides_from_arguments(["--optimizer", "adamw", "--pruning-method=none", *arguments]),
    ]
    configuration = tree.resolve(layers)
    assert chosen(settings_of(configuration)) == names
    assert (
        configuration.typed().hash
        == tree.resolve(
            [layers[0], overrides_from_arguments(["--optimizer=adamw", "--pruning-method=none"])]
        )
        .typed()
        .hash
    )


def test_no_option_of_theirs_is_in_the_hash_of_a_run(tree):
    theirs = [
        name
        for name in tree.symbols
        if name.startswith(("TRACKER_", "WANDB_", "TRACKIO_", "TENSORBOARD_"))
    ]
    assert len(theirs) == 8
    assert not set(theirs) & set(tree.relevant_names)


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("ENABLE_WANDB", "write TRACKER_WANDB"),
        ("ENABLE_TRACKIO", "write TRACKER_TRACKIO"),
        ("WANDB_PROJECT", "write TRACKER_PROJECT"),
        ("USE_TENSORBOARD", "write TRACKER_TENSORBOARD"),
        ("EXPERIMENT_TRACKER", "one of TRACKER_TENSORBOARD, TRACKER_TRACKIO, TRACKER_WANDB"),
        ("GPT2_TRACKER", "one of TRACKER_TENSORBOARD, TRACKER_TRACKIO, TRACKER_WANDB"),
        ("TRACKER", "one of TRACKER_TENSORBOARD, TRACKER_TRACKIO, TRACKER_WANDB"),
        ("TRACKER_RUN_NAME", "has no successor; remove it"),
    ],
)
def test_former_names_in_a_file_lead_to_the_present_ones(tree, tmp_path, word, remedy):
    (tmp_path / "old").write_text(f"CONFIG_{word}=y\n")
    with pytest.raises(ConfigError, match=word) as caught:
        tree.resolve([read_layer(tmp_path / "old", "old")])
    assert remedy in str(caught.value)


@pytest.mark.parametrize("value", ["wandb,neptune", "", "wandb,"])
def test_an_unknown_tracker_is_refused_with_the_choice(configure, value):
    with pytest.raises(ConfigError, match="choose from tensorboard, trackio, wandb, none, both"):
        configure(TRACKER=value)


def test_a_project_name_is_one(configure):
    assert configure(TRACKER="wandb", TRACKER_PROJECT="my-project").typed().WANDB_ENTITY == ""
    with pytest.raises(ConfigError, match="TRACKER_PROJECT"):
        configure(TRACKER="wandb", TRACKER_PROJECT="a/b")


def test_a_run_without_trackers_starts_no_process(one_run, tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    with open_feed(one_run(), RunDirectory(tmp_path), print) as feed:
        feed.check()


def test_what_they_get_to_know_of_a_run(one_run, tmp_path):
    run = RunDirectory(tmp_path / "results" / "runs" / "a-run-0123abcd")
    run.path.mkdir(parents=True)
    run.begin_attempt({})
    run.begin_attempt({})
    settings = one_run(TRACKER="wandb", WANDB_OFFLINE="y", WANDB_ENTITY="us")
    job = job_of(settings, run)
    assert (job.run, job.arm, job.project) == ("a-run-0123abcd", "adamw", "bitterbench")
    assert job.id == job.run
    assert (job.entity, job.is_offline, job.results) == ("us", True, tmp_path / "results")
    assert job.settings == {k: v for k, v in settings.items() if v is not None}
    assert type(job).from_json(job.as_json()) == job


def test_a_run_that_is_computed_again_is_another_one_on_a_server(one_run, tmp_path):
    """Else a server would keep the rows of the first computation, and take none of the second."""
    run = RunDirectory(tmp_path / "a-run-0123abcd")
    run.path.mkdir()
    run.begin_attempt({})
    run.metrics_path.write_text("")
    run.set_aside()
    job = job_of(one_run(TRACKER="wandb"), run)
    assert (job.run, job.id) == ("a-run-0123abcd", "a-run-0123abcd.2")


def test_an_open_feed_sends_what_the_options_say(
    one_run, tmp_path, rows, write, job, said, unhurried
):
    run = RunDirectory(job.folder)
    write(rows)
    with open_feed(one_run(TRACKER="trackio,tensorboard"), run, said.append):
        pass
    assert said == []
    assert len(list(job.folder.glob("events.out.tfevents.*"))) == 1
    assert (tmp_path / "results" / "trackio" / "bitterbench.db").is_file()
